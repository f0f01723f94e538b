// The JSON form of the bus's words, as HTTP, WebSocket and the command line show them (camelCase names of spec 1.1).
#pragma once
#include "relay/message.hpp"

namespace ar::relay {

json to_json(Message const& message);
json to_json(Claim const& claim, bool with_token);
json to_json(Task const& task);
json to_json(Command const& command);
json to_json(Presence const& presence);
json to_json(Reaction const& reaction);
json to_json(DeadLetter const& letter);
json to_json(Attachment const& attachment);
json to_json(TokenInfo const& token);

/// Reads what a sender may say: {to, from?, kind?, subject?, body, payload?, claimable?, taskId?, urgent?,
/// replyRequested?, replyTo?, attachments?, idempotencyKey?}. taskId, urgent and replyRequested go into the payload.
/// Unknown fields are refused. `from` is left empty when absent: the caller knows who is speaking.
Result<NewMessage> new_message_from(json const& body);

}  // namespace ar::relay
