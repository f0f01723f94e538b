#include "relay/message_rules.hpp"

#include "base/ids.hpp"
#include "base/read_json.hpp"
#include "base/unicode.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace ar::relay {
namespace {

constexpr std::array<std::string_view, 10> kRights{"*",     "send",     "read",        "claim",  "presence",
                                                   "tasks", "commands", "attachments", "tokens", "groups"};

Error too_large(std::string field, std::size_t size, std::size_t most) {
  std::string message = field + " has " + std::to_string(size) + " bytes, at most " + std::to_string(most) +
                        " are taken; shorten it or send an attachment";
  return {ErrorKind::too_large, "too_large", std::move(message), std::move(field)};
}

Result<void> check_kind(std::string_view kind) {
  if (auto const good = check_word("kind", kind, kMaxKindBytes); !good) return good;
  auto const plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  if (std::ranges::all_of(kind, plain)) return {};
  return invalid("kind", "kind holds another character than a-z 0-9 . _ -");
}

Result<void> check_payload(json const& payload) {
  if (auto const text = object_text("payload", payload, kMaxPayloadBytes); !text) return text.error();
  if (auto const id = payload.find("taskId"); id != payload.end()) {
    if (!id->is_number_integer() || id->get<std::int64_t>() <= 0)
      return invalid("payload.taskId", "payload.taskId must be a positive integer");
  }
  for (char const* name : {"urgent", "replyRequested"}) {
    if (auto const flag = payload.find(name); flag != payload.end() && !flag->is_boolean())
      return invalid(std::string("payload.") + name, std::string("payload.") + name + " must be true or false");
  }
  return {};
}

std::string span_text(milliseconds time) {
  using namespace std::chrono;
  if (time >= hours(48)) return std::to_string(duration_cast<hours>(time).count() / 24) + " days";
  if (time >= hours(2)) return std::to_string(duration_cast<hours>(time).count()) + " hours";
  if (time >= minutes(2)) return std::to_string(duration_cast<minutes>(time).count()) + " minutes";
  return std::to_string(duration_cast<seconds>(time).count()) + " seconds";
}

}  // namespace

Result<void> check_word(char const* field, std::string_view text, std::size_t most) {
  if (text.size() > most) return too_large(field, text.size(), most);
  if (auto const problem = line_problem(text); !problem.empty()) return invalid(field, field + (" " + problem));
  return {};
}

Result<void> check_note(std::string_view key, std::string_view text) {
  if (auto const good = check_word("key", key, kMaxNameBytes); !good) return good;
  if (text.size() > kMaxNoteBytes) return too_large("text", text.size(), kMaxNoteBytes);
  if (!is_utf8(text)) return invalid("text", "text is not UTF-8; encode it so");
  return {};
}

Error note_changed(std::string const& key) {
  return conflict("note_changed", "somebody else has changed the note \"" + key + "\"; read it again");
}

Error too_many_notes() {
  return {ErrorKind::too_large, "too_many_notes",
          "the bus keeps " + std::to_string(kMostNotes) + " notes at most; change one that there is"};
}

Result<std::string> object_text(char const* field, json const& value, std::size_t most) {
  if (!value.is_object()) return invalid(field, std::string(field) + " must be an object, not " + value.type_name());
  if (deeper_than(value, kMostInside))
    return invalid(field, std::string(field) + " is nested deeper than " + std::to_string(kMostInside) +
                              " levels; send it flatter, or as an attachment");
  std::string text;
  try {
    text = value.dump();
  } catch (json::type_error const&) {
    return invalid(field, std::string(field) + " holds text that is not UTF-8; encode it so");
  }
  if (text.size() > most) return too_large(field, text.size(), most);
  return text;
}

Result<void> check_message(NewMessage const& message, BusLimits const& limits) {
  if (auto const good = check_word("from", message.from, kMaxNameBytes); !good) return good;
  if (message.from.find(':') != std::string::npos || message.from == "broadcast")
    return invalid("from", "from names one sender: no colon, and not \"broadcast\"");
  if (message.to.size() > kMaxNameBytes) return too_large("to", message.to.size(), kMaxNameBytes);
  if (auto const problem = address_problem(message.to); !problem.empty()) return invalid("to", "to " + problem);
  if (auto const good = check_kind(message.kind); !good) return good;
  if (message.subject) {
    if (message.subject->size() > kMaxSubjectBytes)
      return too_large("subject", message.subject->size(), kMaxSubjectBytes);
    if (!is_utf8(*message.subject)) return invalid("subject", "subject is not UTF-8; encode it so");
  }
  if (message.body.size() > limits.max_body_bytes) return too_large("body", message.body.size(), limits.max_body_bytes);
  if (!is_utf8(message.body))
    return invalid("body", "body is not UTF-8; encode it so, or send the bytes as an attachment");
  if (auto const good = check_payload(message.payload); !good) return good;
  if (message.attachments.size() > kMaxAttachments)
    return too_large("attachments", message.attachments.size(), kMaxAttachments);
  if (!message.idempotency_key.empty()) return check_word("idempotencyKey", message.idempotency_key, kMaxNameBytes);
  return {};
}

Result<void> check_identity(Identity const& who) {
  auto const good = [](char const* field, std::string const& address) -> Result<void> {
    auto const problem = address_problem(address);
    if (!problem.empty()) return invalid(field, std::string(field) + ": \"" + address + "\" " + problem);
    return {};
  };
  if (auto const id = good("agentId", who.agent_id); !id) return id;
  if (is_group_address(who.agent_id))
    return invalid("agentId", "agentId \"" + who.agent_id + "\" is a group's address; choose a plain name");
  if (!who.label.empty())
    if (auto const label = good("label", "label:" + who.label); !label) return label;
  if (who.tags.size() > kMaxGroups || who.capabilities.size() > kMaxGroups)
    return invalid(who.tags.size() > kMaxGroups ? "tags" : "capabilities",
                   "an agent has at most " + std::to_string(kMaxGroups) + " tags and as many capabilities");
  for (auto const& name : who.tags)
    if (auto const tag = good("tags", "tag:" + name); !tag) return tag;
  for (auto const& name : who.capabilities)
    if (auto const capability = good("capabilities", "cap:" + name); !capability) return capability;
  return {};
}

Result<void> check_agent(Identity const& who) {
  if (std::ranges::find(kReservedNames, who.agent_id) != kReservedNames.end())
    return invalid("agentId", "agentId \"" + who.agent_id + "\" means somebody else; choose another name");
  return check_identity(who);
}

Result<void> check_limit(int limit) {
  if (limit >= 1 && limit <= 1000) return {};
  return invalid("limit", "limit must be from 1 to 1000");
}

Result<void> check_span(char const* field, milliseconds span, milliseconds least, milliseconds most) {
  if (span >= least && span <= most) return {};
  return invalid(field, std::string(field) + " must be from " + std::to_string(least.count()) + " to " +
                            std::to_string(most.count()) + " milliseconds (" + span_text(most) + ")");
}

Result<std::string> check_attachment(std::string const& name, std::string const& media_type, std::size_t size,
                                     BusLimits const& limits) {
  if (!name.empty())
    if (auto const good = check_word("name", name, kMaxNameBytes); !good) return good.error();
  if (name.find('/') != std::string::npos || name == "." || name == "..")
    return invalid("name", "name must be a file's name, not a path");
  if (!media_type.empty())
    if (auto const type = check_word("mediaType", media_type, kMaxNameBytes); !type) return type.error();
  auto kept = name.empty() ? std::string("attachment") : name;
  if (size > limits.max_attachment_bytes)
    return Error{ErrorKind::too_large, "too_large",
                 "the attachment \"" + kept + "\" has " + std::to_string(size) + " bytes, at most " +
                     std::to_string(limits.max_attachment_bytes) + " are taken; split it or share a path",
                 "bytes"};
  return kept;
}

Result<void> check_token_request(std::string const& profile, TokenScope const& scope,
                                 std::optional<milliseconds> lifetime, std::string const& name) {
  if (auto const good = check_word("profile", profile, kMaxKindBytes); !good) return good;
  for (auto const& id : scope.agent_ids)
    if (auto const good = check_word("agentIds", id, kMaxNameBytes); !good) return good;
  for (auto const& right : scope.rights)
    if (std::ranges::find(kRights, right) == kRights.end())
      return invalid("rights", "there is no right \"" + right + "\"; see docs for the list");
  if (lifetime)
    if (auto const good = check_span("lifetime", *lifetime); !good) return good;
  if (name.size() > kMaxTokenNameBytes) return too_large("name", name.size(), kMaxTokenNameBytes);
  auto const plain = [](unsigned char c) { return (c < 0x80 && std::isalnum(c)) || c == '.' || c == '_' || c == '-'; };
  if (!std::ranges::all_of(name, plain) || name.starts_with('-') || name.starts_with('.'))
    return invalid("name", "name is made of letters, digits, . _ and -, and begins with none of . and -");
  return {};
}

Error token_name_taken(std::string const& name) {
  return conflict("name_taken",
                  "there is a token named \"" + name + "\"; choose another name, or revoke that one first");
}

NewMessage expiry_notice(Message const& message, std::vector<std::string> const& unread_by, milliseconds retention,
                         bool kept) {
  auto const id = std::to_string(message.id);
  NewMessage notice;
  notice.from = "system";
  notice.to = message.from;
  notice.kind = "expired";
  notice.reply_to = message.id;
  notice.subject = "Message " + id + " expired";
  std::string const doing = message.claimable ? "finished" : "read";
  notice.body = "Your message " + id + " to " + message.to + " was not " + doing;
  for (std::size_t i = 0; i < unread_by.size(); ++i) notice.body += (i == 0 ? " by " : ", ") + unread_by[i];
  notice.body += " within " + span_text(retention) + ". " +
                 (kept ? "It is among the dead letters, from where it can be requeued."
                       : "It could not be told of before its time among the dead letters was over; it is deleted.");
  notice.payload["messageId"] = message.id;
  notice.payload["to"] = message.to;
  notice.payload["unreadBy"] = unread_by;
  return notice;
}

NewMessage dead_letter_notice(Message const& message, int deliveries) {
  auto const id = std::to_string(message.id);
  NewMessage notice;
  notice.from = "system";
  notice.to = message.from;
  notice.kind = "dead-letter";
  notice.reply_to = message.id;
  notice.subject = "Message " + id + " is a dead letter";
  notice.body = "Your message " + id + " to " + message.to + " was taken up " + std::to_string(deliveries) +
                " times and never finished. It is among the dead letters, from where it can be requeued.";
  notice.payload["messageId"] = message.id;
  notice.payload["to"] = message.to;
  notice.payload["outcome"] = "dead";
  return notice;
}

std::size_t content_bytes(Message const& message) { return message.body.size() + to_text(message.payload).size(); }

std::string canonical_hash(NewMessage const& message) {
  json canonical = json::object();  // keys are sorted, so the order in which a sender wrote them does not matter
  canonical["from"] = message.from;
  canonical["to"] = message.to;
  canonical["kind"] = message.kind;
  canonical["subject"] = message.subject ? json(*message.subject) : json();
  canonical["body"] = message.body;
  canonical["payload"] = message.payload;
  canonical["claimable"] = message.claimable;
  canonical["replyTo"] = message.reply_to ? json(*message.reply_to) : json();
  canonical["attachments"] = message.attachments;
  return sha256_hex(canonical.dump());
}

}  // namespace ar::relay
