#include "relay/nats/envelope.hpp"

#include "base/read_json.hpp"

namespace ar::relay::nats {

std::string to_text(Envelope const& envelope) {
  auto const& message = envelope.message;
  json head = {{"from", message.from},
               {"to", message.to},
               {"kind", message.kind},
               {"payload", message.payload},
               {"at", to_millis(message.created_at)},
               {"keep", envelope.keep.count()}};
  if (message.claimable) head["claimable"] = true;
  if (message.subject) head["subject"] = *message.subject;
  if (message.reply_to) head["replyTo"] = *message.reply_to;
  for (auto const& one : message.attachments)
    head["attachments"].push_back({{"id", one.id}, {"name", one.name}, {"size", one.size}, {"type", one.media_type}});
  if (!envelope.recipients.empty()) head["recipients"] = envelope.recipients;
  if (!envelope.key.empty()) head["key"] = envelope.key;
  if (!envelope.body_hash.empty()) head["hash"] = envelope.body_hash;
  if (!envelope.body_id.empty()) head["bodyId"] = envelope.body_id;
  auto text = head.dump() + '\n';
  if (envelope.body_id.empty()) text += message.body;
  return text;
}

std::optional<Envelope> envelope_from(std::string_view text) {
  auto const line = text.find('\n');
  if (line == std::string_view::npos) return std::nullopt;
  return maybe_json(text.substr(0, line), [&](json const& head) {
    Envelope envelope;
    auto& message = envelope.message;
    message.from = head.at("from").get<std::string>();
    message.to = head.at("to").get<std::string>();
    message.kind = head.at("kind").get<std::string>();
    message.payload = head.at("payload");
    message.created_at = time_in(head.at("at"));
    envelope.keep = millis_in(head.at("keep"));
    message.claimable = head.value("claimable", false);
    if (head.contains("subject")) message.subject = head.at("subject").get<std::string>();
    if (head.contains("replyTo")) message.reply_to = head.at("replyTo").get<MessageId>();
    if (head.contains("attachments"))
      for (auto const& one : head.at("attachments"))
        message.attachments.push_back({one.at("id").get<std::string>(), one.at("name").get<std::string>(),
                                       one.at("size").get<std::int64_t>(), one.at("type").get<std::string>()});
    envelope.recipients = head.value("recipients", std::vector<std::string>{});
    envelope.key = head.value("key", "");
    envelope.body_hash = head.value("hash", "");
    envelope.body_id = head.value("bodyId", "");
    message.body = text.substr(line + 1);
    return envelope;
  });
}

}  // namespace ar::relay::nats
