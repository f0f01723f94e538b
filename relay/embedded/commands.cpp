#include "relay/embedded/commands.hpp"

#include "relay/embedded/query.hpp"
#include "relay/message_rules.hpp"

namespace ar::relay::embedded {
namespace {

bool is_end(CommandStatus status) { return status > CommandStatus::running; }

std::optional<Command> find_command(Database& db, std::int64_t id) {
  Query row(db, "SELECT type, target, params, status, created_at, expires_at FROM commands WHERE id = ?1", id);
  if (!row.step()) return std::nullopt;
  Command command;
  command.id = id;
  command.type = row.text(0);
  command.target = row.text(1);
  auto const whose = "command " + std::to_string(id);
  auto params = row.object(2, whose);
  if (!params) return std::nullopt;  // to do it without them would be to do something else
  command.params = std::move(*params);
  command.status = command_status_from(row.text(3)).value_or(CommandStatus::pending);
  command.created_at = row.time(4);
  command.expires_at = row.maybe_time(5);
  Query step(db, "SELECT status, at, detail FROM command_steps WHERE command_id = ?1 ORDER BY position", id);
  while (step.step())
    command.history.push_back({command_status_from(step.text(0)).value_or(CommandStatus::pending), step.time(1),
                               step.object(2, whose).value_or(json::object())});
  return command;
}

void add_step(Database& db, Moment now, std::int64_t id, CommandStatus status, std::string const& detail) {
  run(db,
      "INSERT INTO command_steps(command_id, position, status, at, detail)"
      " SELECT ?1, count(*), ?2, ?3, ?4 FROM command_steps WHERE command_id = ?1",
      id, to_string(status), to_millis(now.wall), detail);
  run(db, "UPDATE commands SET status = ?2, ended = ?3 WHERE id = ?1", id, to_string(status), is_end(status));
  if (status == CommandStatus::running) run(db, "UPDATE commands SET expires_at = NULL WHERE id = ?1", id);
}

Error unknown_command(std::int64_t id) {
  return not_found("unknown_command", "there is no command " + std::to_string(id));
}

}  // namespace

Result<Command> send_command(Database& db, Moment now, std::string const& type, std::string const& target,
                             json const& params, std::optional<milliseconds> expires_after, Changes& changes) {
  if (auto const good = check_word("type", type, kMaxKindBytes); !good) return good.error();
  if (auto const good = check_word("target", target, kMaxNameBytes); !good) return good.error();
  auto const text = object_text("params", params, kMaxMetaBytes);
  if (!text) return text.error();
  if (expires_after)
    if (auto const good = check_span("expiresAfter", *expires_after); !good) return good.error();
  std::optional<std::int64_t> expires_at;
  if (expires_after) expires_at = to_millis(now.steady + *expires_after);
  Transaction transaction(db);
  run(db,
      "INSERT INTO commands(type, target, params, status, created_at, expires_at) VALUES(?1, ?2, ?3, ?4, ?5, "
      "?6)",
      type, target, *text, to_string(CommandStatus::pending), to_millis(now.wall), expires_at);
  auto const id = db.last_insert_id();
  add_step(db, now, id, CommandStatus::pending, "{}");
  auto command = *find_command(db, id);
  transaction.commit();
  changes.commands.push_back(command);
  return command;
}

Result<Command> command(Database& db, std::int64_t id) {
  auto found = find_command(db, id);
  if (!found) return unknown_command(id);
  return std::move(*found);
}

Result<std::vector<Command>> commands_for(Database& db, std::vector<std::string> const& targets) {
  for (auto const& target : targets)
    if (auto const good = check_word("targets", target, kMaxNameBytes); !good) return good.error();
  std::vector<Command> open;
  Query row(db, "SELECT id FROM commands WHERE ended = 0 AND target IN (SELECT value FROM json_each(?1)) ORDER BY id",
            json(targets).dump());
  while (row.step())
    if (auto command = find_command(db, row.integer(0))) open.push_back(std::move(*command));
  return open;
}

Result<Command> update_command(Database& db, Moment now, std::int64_t id, CommandStatus status, json const& detail) {
  auto const text = object_text("detail", detail, kMaxMetaBytes);
  if (!text) return text.error();
  Transaction transaction(db);
  auto before = find_command(db, id);
  if (!before) return unknown_command(id);
  bool const repeated = before->status == status &&
                        (is_end(status) || (!before->history.empty() && before->history.back().detail == detail));
  if (repeated) return std::move(*before);
  if (is_end(before->status) || status < before->status)
    return conflict("command_backwards", "command " + std::to_string(id) + " is " +
                                             std::string(to_string(before->status)) + " and cannot become " +
                                             std::string(to_string(status)) + "; send a new command");
  add_step(db, now, id, status, *text);
  auto after = *find_command(db, id);
  transaction.commit();
  return after;
}

void expire_commands(Database& db, BusLimits const& limits, Moment now) {
  std::vector<std::int64_t> due;
  {
    Query row(db, "SELECT id FROM commands WHERE ended = 0 AND expires_at IS NOT NULL AND expires_at <= ?1",
              to_millis(now.steady));
    while (row.step()) due.push_back(row.integer(0));
  }
  for (auto const id : due) add_step(db, now, id, CommandStatus::expired, "{}");
  run(db, "DELETE FROM commands WHERE ended = 1 AND created_at <= ?1", to_millis(now.wall - limits.retention));
}

}  // namespace ar::relay::embedded
