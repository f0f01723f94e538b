// The readers of message_json.hpp.
#include "relay/message_json.hpp"
#include "relay/message_rules.hpp"

#include <limits>

namespace ar::relay {
namespace {

constexpr auto kMost = std::numeric_limits<std::int64_t>::max();

/// Reads the fields of one object; the first thing that is wrong is kept.
class Reader {
 public:
  explicit Reader(json const& value) : value_(value) {
    if (!value.is_object()) error_ = invalid("", "a JSON object was expected");
  }

  std::string text(char const* name) {
    auto const* const found = find(name, true);
    if (!found) return {};
    if (!found->is_string()) return fail(name, "must be a string"), std::string();
    return found->get<std::string>();
  }
  std::optional<std::string> maybe_text(char const* name) {
    return find(name, false) ? std::optional(text(name)) : std::nullopt;
  }
  std::int64_t number(char const* name) {
    auto const* const found = find(name, true);
    if (!found) return 0;
    if (!found->is_number_integer()) return fail(name, "must be an integer"), 0;
    return found->get<std::int64_t>();
  }
  std::optional<std::int64_t> maybe_number(char const* name) {
    return find(name, false) ? std::optional(number(name)) : std::nullopt;
  }
  bool flag(char const* name) {
    auto const* const found = find(name, false);
    if (found && !found->is_boolean()) fail(name, "must be true or false");
    return found && found->is_boolean() && found->get<bool>();
  }
  json object(char const* name) {
    auto const* const found = find(name, false);
    if (!found) return json::object();
    if (!found->is_object()) fail(name, "must be an object");
    return *found;
  }
  std::vector<std::string> texts(char const* name) {
    std::vector<std::string> list;
    for (auto const& entry : array(name)) {
      if (!entry.is_string()) return fail(name, "must be a list of strings"), list;
      list.push_back(entry.get<std::string>());
    }
    return list;
  }
  WallTime time(char const* name) {
    auto const said = text(name);
    auto const time = from_iso8601(said);
    if (!time && !error_) fail(name, "must be a time like 2026-01-31T12:00:00.123Z");
    return time.value_or(WallTime());
  }
  std::optional<WallTime> maybe_time(char const* name) {
    return find(name, false) ? std::optional(time(name)) : std::nullopt;
  }
  template <class T>
  std::vector<T> list(char const* name, Result<T> (*read)(json const&)) {
    std::vector<T> all;
    for (auto const& entry : array(name)) {
      auto one = read(entry);
      if (!one) {
        fail(name, one.error().message);
        break;
      }
      all.push_back(std::move(*one));
    }
    return all;
  }
  template <class T>
  T nested(char const* name, Result<T> (*read)(json const&)) {
    auto const* const found = find(name, true);
    if (!found) return {};
    auto one = read(*found);
    if (one) return std::move(*one);
    fail(name, one.error().message);
    return {};
  }
  template <class Word, class Read>
  Word word(char const* name, Read read) {
    auto const said = text(name);
    auto const known = read(said);
    if (!known && !error_) fail(name, "is \"" + said.substr(0, 40) + "\", which is not known here");
    return known.value_or(Word{});
  }
  template <class T>
  Result<T> done(T value) {
    if (error_) return *error_;
    return value;
  }

 private:
  json const* find(char const* name, bool needed) {
    if (error_) return nullptr;
    auto const found = value_.find(name);
    if (found != value_.end() && !found->is_null()) return &*found;
    if (needed) fail(name, "is missing");
    return nullptr;
  }
  json array(char const* name) {
    auto const* const found = find(name, false);
    if (found && !found->is_array()) fail(name, "must be a list");
    return found && found->is_array() ? *found : json::array();
  }
  void fail(char const* name, std::string const& what) {
    if (!error_) error_ = invalid(name, std::string(name) + " " + what);
  }
  json const& value_;
  std::optional<Error> error_{};
};

Result<CommandStep> step_from(json const& value) {
  Reader in(value);
  CommandStep step;
  step.status = in.word<CommandStatus>("status", command_status_from);
  step.at = in.time("at");
  step.detail = in.object("detail");
  return in.done(std::move(step));
}

Result<TokenScope> scope_from(json const& value) {
  Reader in(value);
  TokenScope scope;
  scope.agent_ids = in.texts("agentIds");
  scope.rights = in.texts("rights");
  return in.done(std::move(scope));
}

}  // namespace

Result<Attachment> attachment_from(json const& value) {
  Reader in(value);
  Attachment attachment;
  attachment.id = in.text("id");
  attachment.name = in.text("name");
  attachment.size = in.number("size");
  attachment.media_type = in.maybe_text("mediaType").value_or("");
  return in.done(std::move(attachment));
}

Result<Message> message_from(json const& value) {
  Reader in(value);
  Message message;
  message.id = in.number("id");
  message.from = in.text("from");
  message.to = in.text("to");
  message.kind = in.text("kind");
  message.subject = in.maybe_text("subject");
  message.body = in.text("body");
  message.payload = in.object("payload");
  message.claimable = in.flag("claimable");
  message.reply_to = in.maybe_number("replyTo");
  message.attachments = in.list<Attachment>("attachments", attachment_from);
  message.resolved_to_agent = in.maybe_text("resolvedToAgent");
  message.read_by = in.texts("readBy");
  message.created_at = in.time("createdAt");
  return in.done(std::move(message));
}

Result<Claim> claim_from(json const& value) {
  Reader in(value);
  Claim claim;
  claim.message_id = in.number("messageId");
  claim.holder = in.text("holder");
  claim.token = in.text("token");
  claim.expires_at = in.time("claimExpiresAt");
  claim.delivery_count = static_cast<int>(in.number("deliveryCount"));
  return in.done(std::move(claim));
}

Result<Task> task_from(json const& value) {
  Reader in(value);
  Task task;
  task.id = in.number("id");
  task.status = in.word<TaskStatus>("status", task_status_from);
  task.body = in.text("body");
  task.metadata = in.object("metadata");
  task.set_by = in.text("setBy");
  task.updated_at = in.time("updatedAt");
  return in.done(std::move(task));
}

Result<Command> command_from(json const& value) {
  Reader in(value);
  Command command;
  command.id = in.number("commandId");
  command.type = in.text("type");
  command.target = in.text("target");
  command.params = in.object("params");
  command.status = in.word<CommandStatus>("status", command_status_from);
  command.history = in.list<CommandStep>("history", step_from);
  command.created_at = in.time("createdAt");
  command.expires_at = in.maybe_time("expiresAt");
  return in.done(std::move(command));
}

Result<Identity> identity_from(json const& value) {
  Reader in(value);
  Identity who;
  who.agent_id = in.text("agentId");
  who.label = in.maybe_text("label").value_or("");
  who.tags = in.texts("tags");
  who.capabilities = in.texts("capabilities");
  who.narrow = in.flag("narrow");
  return in.done(std::move(who));
}

Result<Presence> presence_from(json const& value) {
  auto who = identity_from(value);
  if (!who) return who.error();
  Reader in(value);
  Presence presence;
  presence.identity = std::move(*who);
  presence.instance_id = in.text("instanceId");
  presence.status = in.text("status");
  presence.ready = in.flag("ready");
  if (auto const meta = value.find("meta"); meta != value.end()) presence.meta = *meta;
  presence.registered_at = in.maybe_time("registeredAt").value_or(WallTime());
  presence.last_heartbeat = in.maybe_time("lastHeartbeat").value_or(WallTime());
  presence.stale = in.flag("stale");
  return in.done(std::move(presence));
}

Result<Note> note_from(json const& value) {
  Reader in(value);
  Note note;
  note.key = in.text("key");
  note.text = in.text("text");
  note.revision = in.number("revision");
  return in.done(std::move(note));
}

Result<Reaction> reaction_from(json const& value) {
  Reader in(value);
  Reaction reaction;
  reaction.message_id = in.number("messageId");
  reaction.by = in.text("by");
  reaction.word = in.text("word");
  reaction.at = in.time("at");
  return in.done(std::move(reaction));
}

Result<DeadLetter> dead_letter_from(json const& value) {
  Reader in(value);
  DeadLetter letter;
  letter.message = in.nested<Message>("message", message_from);
  letter.delivery_count = static_cast<int>(in.number("deliveryCount"));
  letter.reason = in.text("reason");
  letter.at = in.time("at");
  return in.done(std::move(letter));
}

Result<TokenInfo> token_info_from(json const& value) {
  Reader in(value);
  TokenInfo info;
  info.jti = in.text("jti");
  info.profile = in.text("profile");
  info.name = in.maybe_text("name").value_or("");
  info.scope = in.nested<TokenScope>("scope", scope_from);
  info.made_at = in.maybe_time("madeAt");
  info.expires_at = in.maybe_time("expiresAt");
  info.revoked = in.flag("revoked");
  return in.done(std::move(info));
}

json to_json(NewMessage const& message) {
  json out = {{"from", message.from}, {"to", message.to},           {"kind", message.kind},
              {"body", message.body}, {"payload", message.payload}, {"claimable", message.claimable}};
  if (message.subject) out["subject"] = *message.subject;
  if (message.reply_to) out["replyTo"] = *message.reply_to;
  if (!message.attachments.empty()) out["attachments"] = message.attachments;
  if (!message.idempotency_key.empty()) out["idempotencyKey"] = message.idempotency_key;
  return out;
}

json to_json(Identity const& who) {
  json out = {
      {"agentId", who.agent_id}, {"tags", who.tags}, {"capabilities", who.capabilities}, {"narrow", who.narrow}};
  if (!who.label.empty()) out["label"] = who.label;
  return out;
}

json to_json(BusLimits const& limits) {
  return {{"maxBodyBytes", limits.max_body_bytes},
          {"maxAttachmentBytes", limits.max_attachment_bytes},
          {"leaseMs", limits.lease.count()},
          {"maxDeliveries", limits.max_deliveries},
          {"retentionMs", limits.retention.count()}};
}

Result<BusLimits> limits_from(json const& value) {
  FieldReader in(value);
  BusLimits limits;
  limits.max_body_bytes = static_cast<std::size_t>(in.integer("maxBodyBytes", 1, 1, kMost));
  limits.max_attachment_bytes = static_cast<std::size_t>(in.integer("maxAttachmentBytes", 1, 1, kMost));
  limits.lease = milliseconds(in.integer("leaseMs", 1, 1, kLongestSpan.count()));
  limits.max_deliveries = static_cast<int>(in.integer("maxDeliveries", 1, 1, 1'000'000));
  limits.retention = milliseconds(in.integer("retentionMs", 1, 1, kLongestSpan.count()));
  if (auto error = in.finish()) return *error;
  return limits;
}

json to_json(BusStore const& store) { return {{"id", store.id}, {"newest", store.newest.value_or(0)}}; }

Result<BusStore> store_from(json const& value) {
  Reader in(value);
  BusStore store;
  store.id = in.text("id");
  store.newest = in.maybe_number("newest");
  if (auto const good = check_word("id", store.id, kMaxNameBytes); !good) return good.error();
  return in.done(std::move(store));
}

}  // namespace ar::relay
