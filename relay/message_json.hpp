// The JSON form of the bus's words, in camelCase, as HTTP, WebSocket and the command line show them.
#pragma once
#include "relay/bus.hpp"

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
json to_json(Note const& note);

/// Reads what a sender may say: {to, from?, kind?, subject?, body, payload?, claimable?, taskId?, urgent?,
/// replyRequested?, replyTo?, attachments?, idempotencyKey?}. taskId, urgent and replyRequested go into the payload.
/// Unknown fields are refused. `from` is left empty when absent: the caller knows who is speaking.
Result<NewMessage> new_message_from(json const& body);

/// The reverse of to_json, for what another program says over the wire: errors name the field. Unknown fields are
/// passed over, so that a newer program may say more.
Result<Message> message_from(json const& value);
Result<Claim> claim_from(json const& value);
Result<Task> task_from(json const& value);
Result<Command> command_from(json const& value);
Result<Presence> presence_from(json const& value);
Result<Identity> identity_from(json const& value);
Result<Reaction> reaction_from(json const& value);
Result<DeadLetter> dead_letter_from(json const& value);
Result<Attachment> attachment_from(json const& value);
Result<TokenInfo> token_info_from(json const& value);
Result<Note> note_from(json const& value);

json to_json(NewMessage const& message);
json to_json(Identity const& who);
json to_json(BusLimits const& limits);
Result<BusLimits> limits_from(json const& value);
json to_json(BusStore const& store);
Result<BusStore> store_from(json const& value);

}  // namespace ar::relay
