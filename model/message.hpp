// The words of the bus (docs/bus.md): plain values, with their JSON form in relay/message_json.hpp.
#pragma once
#include "base/clock.hpp"
#include "base/json.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar {

inline constexpr std::size_t kMaxNameBytes = 200;  ///< from, to, idempotency key, agent ids

/// Grows with every message of a bus; 0 is no message (system messages that never were on the bus carry it).
using MessageId = std::int64_t;

/// Who an agent is to the bus: what addresses reach it.
struct Identity {
  std::string agent_id;
  std::string label{};
  std::vector<std::string> tags{};          ///< its own, its provider's defaults, and the provider's name
  std::vector<std::string> capabilities{};  ///< its own and its provider's defaults
  bool narrow = false;                      ///< profile relay.context == false: only messages meant for it by name
};

struct Attachment {
  std::string id;    ///< SHA-256 of its bytes, hex
  std::string name;  ///< as the sender called it; never a path
  std::int64_t size = 0;
  std::string media_type{};
};

/// What a sender says.
struct NewMessage {
  std::string from;  ///< an agent id, or a person's or program's name
  std::string to;    ///< agent id, label:L, tag:T, cap:C or broadcast
  std::string kind = "chat";
  std::optional<std::string> subject{};
  std::string body;
  json payload = json::object();  ///< `taskId` (integer) makes it carry a task; `urgent`, `replyRequested` (booleans)
  bool claimable = false;
  std::optional<MessageId> reply_to{};
  std::vector<std::string> attachments{};  ///< ids of stored attachments
  std::string idempotency_key{};           ///< empty: every send is a new message
};

struct Message {
  MessageId id = 0;
  std::string from;
  std::string to;
  std::string kind;
  std::optional<std::string> subject{};
  std::string body;
  json payload = json::object();
  bool claimable = false;
  std::optional<MessageId> reply_to{};
  std::vector<Attachment> attachments{};
  std::optional<std::string> resolved_to_agent{};  ///< set when the bus has already decided which agent it is for
  std::vector<std::string> read_by{};
  WallTime created_at{};

  std::optional<std::int64_t> task_id() const;  ///< payload.taskId
  bool urgent() const;                          ///< payload.urgent
  bool reply_requested() const;                 ///< payload.replyRequested
};

/// Every address that reaches `who`, in the order of docs/bus.md: its id, its label, and, unless it is narrow,
/// broadcast, its tags and its capabilities.
std::vector<std::string> addresses_of(Identity const& who);
/// Whether one of these addresses is the message's. `resolved_to_agent` decides alone when it is set.
bool addressed_to(Message const& message, Identity const& who);
/// Empty when `to` is a well-formed address, else what is wrong with it.
std::string address_problem(std::string_view to);
/// True for label:L, tag:T, cap:C and broadcast: an address that several agents may answer to.
bool is_group_address(std::string_view to);

struct Sent {
  Message message;
  bool repeated = false;  ///< the same key and body had been sent before; this is the first message
};

/// A lease on a claimable message.
struct Claim {
  MessageId message_id = 0;
  std::string holder;  ///< agent id
  std::string token;   ///< proves the holder at renew, release and finish (fencing)
  WallTime expires_at{};
  int delivery_count = 1;  ///< how many leases there have been, this one included
};

enum class TaskStatus { open, in_progress, done, failed, cancelled };
struct Task {
  std::int64_t id = 0;
  TaskStatus status = TaskStatus::open;
  std::string body{};
  json metadata = json::object();
  std::string set_by{};
  WallTime updated_at{};
};

enum class CommandStatus { pending, accepted, running, succeeded, failed, expired };
struct CommandStep {
  CommandStatus status = CommandStatus::pending;
  WallTime at{};
  json detail = json::object();  ///< `result` for succeeded, `error` for failed
};
struct Command {
  std::int64_t id = 0;
  std::string type;    ///< agent.shutdown, ... (docs/bus.md)
  std::string target;  ///< an agent id or a runner id
  json params = json::object();
  CommandStatus status = CommandStatus::pending;
  std::vector<CommandStep> history{};
  WallTime created_at{};
  std::optional<WallTime> expires_at{};
};

/// One agent as the bus knows it.
struct Presence {
  Identity identity;
  std::string instance_id;
  std::string status;  ///< busy, idle, offline, error
  bool ready = false;
  json meta = json::object();
  WallTime registered_at{};
  WallTime last_heartbeat{};
  bool stale = false;  ///< missed 3 heartbeats of 30 s
};

struct Reaction {
  MessageId message_id = 0;
  std::string by;
  std::string word;
  WallTime at{};
};

struct DeadLetter {
  Message message;
  int delivery_count = 0;
  std::string reason;  ///< max_deliveries or expired
  WallTime at{};
};

/// What a bearer token may do. Rights: "send", "read", "claim", "presence", "tasks", "commands", "attachments",
/// "tokens" (issue and revoke), "groups" (say which groups its agents are in), or "*".
struct TokenScope {
  std::vector<std::string> agent_ids{};  ///< empty: any agent
  std::vector<std::string> rights{};
};
struct TokenInfo {
  std::string jti;
  std::string name{};   ///< a person's word for it and all that it is renewed into; may be empty
  std::string profile;  ///< provider-agent, provider-interactive, operator, ...
  TokenScope scope{};
  std::optional<WallTime> made_at{};  ///< none: before the store noted it
  std::optional<WallTime> expires_at{};
  bool revoked = false;
};
struct IssuedToken {
  std::string token;  ///< the secret; only its hash is stored
  TokenInfo info;
};

std::string_view to_string(TaskStatus status);
std::string_view to_string(CommandStatus status);
std::optional<TaskStatus> task_status_from(std::string_view text);
std::optional<CommandStatus> command_status_from(std::string_view text);

}  // namespace ar
