#include "relay/message_json.hpp"

#include <initializer_list>

namespace ar::relay {

json to_json(Attachment const& attachment) {
  json out = {{"id", attachment.id}, {"name", attachment.name}, {"size", attachment.size}};
  if (!attachment.media_type.empty()) out["mediaType"] = attachment.media_type;
  return out;
}

json to_json(Message const& message) {
  json out = {{"id", message.id},
              {"from", message.from},
              {"to", message.to},
              {"kind", message.kind},
              {"body", message.body},
              {"payload", message.payload},
              {"claimable", message.claimable},
              {"readBy", message.read_by},
              {"createdAt", to_iso8601(message.created_at)}};
  out["attachments"] = json::array();
  for (auto const& attachment : message.attachments) out["attachments"].push_back(to_json(attachment));
  if (message.subject) out["subject"] = *message.subject;
  if (message.reply_to) out["replyTo"] = *message.reply_to;
  if (message.resolved_to_agent) out["resolvedToAgent"] = *message.resolved_to_agent;
  return out;
}

json to_json(Claim const& claim, bool with_token) {
  json out = {{"messageId", claim.message_id},
              {"holder", claim.holder},
              {"claimExpiresAt", to_iso8601(claim.expires_at)},
              {"deliveryCount", claim.delivery_count}};
  if (with_token) out["token"] = claim.token;
  return out;
}

json to_json(Task const& task) {
  return {{"id", task.id},        {"status", to_string(task.status)},
          {"body", task.body},    {"metadata", task.metadata},
          {"setBy", task.set_by}, {"updatedAt", to_iso8601(task.updated_at)}};
}

json to_json(Command const& command) {
  json out = {{"commandId", command.id},
              {"type", command.type},
              {"target", command.target},
              {"params", command.params},
              {"status", to_string(command.status)},
              {"createdAt", to_iso8601(command.created_at)}};
  out["history"] = json::array();
  for (auto const& step : command.history)
    out["history"].push_back(
        {{"status", to_string(step.status)}, {"at", to_iso8601(step.at)}, {"detail", step.detail}});
  if (command.expires_at) out["expiresAt"] = to_iso8601(*command.expires_at);
  return out;
}

json to_json(Presence const& presence) {
  json out = {{"agentId", presence.identity.agent_id},
              {"tags", presence.identity.tags},
              {"capabilities", presence.identity.capabilities},
              {"narrow", presence.identity.narrow},
              {"instanceId", presence.instance_id},
              {"status", presence.status},
              {"ready", presence.ready},
              {"meta", presence.meta},
              {"registeredAt", to_iso8601(presence.registered_at)},
              {"lastHeartbeat", to_iso8601(presence.last_heartbeat)},
              {"stale", presence.stale}};
  if (!presence.identity.label.empty()) out["label"] = presence.identity.label;
  return out;
}

json to_json(Reaction const& reaction) {
  return {{"messageId", reaction.message_id},
          {"by", reaction.by},
          {"word", reaction.word},
          {"at", to_iso8601(reaction.at)}};
}

json to_json(DeadLetter const& letter) {
  return {{"message", to_json(letter.message)},
          {"deliveryCount", letter.delivery_count},
          {"reason", letter.reason},
          {"at", to_iso8601(letter.at)}};
}

json to_json(Note const& note) { return {{"key", note.key}, {"text", note.text}, {"revision", note.revision}}; }

json to_json(TokenInfo const& token) {
  json out = {{"jti", token.jti},
              {"profile", token.profile},
              {"scope", {{"agentIds", token.scope.agent_ids}, {"rights", token.scope.rights}}},
              {"revoked", token.revoked}};
  if (!token.name.empty()) out["name"] = token.name;
  if (token.made_at) out["madeAt"] = to_iso8601(*token.made_at);
  if (token.expires_at) out["expiresAt"] = to_iso8601(*token.expires_at);
  return out;
}

Result<NewMessage> new_message_from(json const& body) {
  FieldReader in(body);
  NewMessage message;
  in.require("to");
  in.require("body");
  message.to = in.string("to");
  message.from = in.string("from");
  message.kind = in.string("kind", "chat");
  message.subject = in.maybe_string("subject");
  message.body = in.string("body");
  message.payload = in.object("payload");
  message.claimable = in.boolean("claimable");
  message.reply_to = in.maybe_integer("replyTo");
  message.attachments = in.strings("attachments");
  message.idempotency_key = in.string("idempotencyKey");
  auto const into_payload = [&](char const* name, json value) {
    auto const [place, fresh] = message.payload.emplace(name, value);
    if (!fresh && *place != value) in.fail(name, std::string("contradicts payload.") + name + "; say it once");
  };
  if (auto const task = in.maybe_integer("taskId")) {
    if (*task <= 0) in.fail("taskId", "must be a positive integer");
    into_payload("taskId", *task);
  }
  for (char const* name : {"urgent", "replyRequested"}) {
    bool const value = in.boolean(name);
    if (body.is_object() && body.contains(name) && !body[name].is_null()) into_payload(name, value);
  }
  if (message.reply_to && *message.reply_to <= 0) in.fail("replyTo", "must be a message's id");
  if (!message.to.empty())
    if (auto const problem = address_problem(message.to); !problem.empty()) in.fail("to", problem);
  if (auto error = in.finish()) return *error;
  return message;
}

}  // namespace ar::relay
