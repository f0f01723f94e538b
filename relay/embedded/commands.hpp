// Durable commands with the history of their status. As messages.hpp.
#pragma once
#include "relay/embedded/messages.hpp"

namespace ar::relay::embedded {

Result<Command> send_command(Database& db, Moment now, std::string const& type, std::string const& target,
                             json const& params, std::optional<milliseconds> expires_after, Changes& changes);
Result<Command> command(Database& db, std::int64_t id);
Result<std::vector<Command>> commands_for(Database& db, std::vector<std::string> const& targets);
Result<Command> update_command(Database& db, Moment now, std::int64_t id, CommandStatus status, json const& detail);

/// Inside a transaction of the caller's: those that were not running in time expire, and ended ones are
/// forgotten after the retention time.
void expire_commands(Database& db, BusLimits const& limits, Moment now);

}  // namespace ar::relay::embedded
