// Messages in the database: sending, looking up, unread, read marks. Plain functions on the bus's database,
// called on its worker; a SqliteError travels out as an exception (see base/sqlite.hpp's guarded).
#pragma once
#include "relay/bus.hpp"
#include "relay/embedded/moment.hpp"

namespace ar {
class Database;
}

namespace ar::relay::embedded {

/// What has changed in a job and is worth a hint, once it is committed.
struct Changes {
  std::vector<Message> messages{};
  std::vector<Command> commands{};
};

/// Its name, and how far its numbers go.
BusStore store(Database& db);
Result<Sent> send(Database& db, BusLimits const& limits, Moment now, NewMessage const& message, Changes& changes);
Result<Message> message(Database& db, MessageId id);
Result<std::vector<Message>> messages(Database& db, MessageFilter const& filter);
Result<std::vector<Message>> unread(Database& db, Moment now, Identity const& who, int limit, MessageId after);
Result<void> mark_read(Database& db, Moment now, MessageId id, std::string const& agent_id);
/// Whether a message that one of the agents sent or has read, or that went to one of the addresses, carries the
/// attachment or is about the task.
bool carries_attachment(Database& db, std::vector<std::string> const& agents, std::vector<std::string> const& addresses,
                        std::string const& id);
bool names_task(Database& db, std::vector<std::string> const& agents, std::vector<std::string> const& addresses,
                std::int64_t id);

// ---- inside a transaction of the caller's, for the bus's own use ----
Message load_message(Database& db, MessageId id);  ///< which exists
bool message_exists(Database& db, MessageId id);
Error unknown_message(MessageId id);
/// Stores it without checks, into the inboxes and the obligations of those it is for.
MessageId insert_message(Database& db, Moment now, NewMessage const& message, std::string const& body_hash);
/// Puts a plain message into the inboxes of those it is for now and who have not read it.
void fill_inboxes(Database& db, MessageId id, std::string const& from, std::string const& to);
void insert_read(Database& db, Moment now, MessageId id, std::string const& agent_id);

}  // namespace ar::relay::embedded
