// Tasks and commands.
#include "base/ids.hpp"
#include "base/read_json.hpp"
#include "base/unicode.hpp"
#include "relay/message_rules.hpp"
#include "relay/nats/core.hpp"

namespace ar::relay::nats {
namespace {

/// 0 open, 1 in progress, 2 ended: a task only moves up.
int stage(TaskStatus status) { return status == TaskStatus::open ? 0 : status == TaskStatus::in_progress ? 1 : 2; }

struct StoredTask {
  Task task;
  std::uint64_t revision = 0;  ///< 0: there is none
};

awaitable<Result<StoredTask>> find_task(Core& core, std::int64_t id) {
  auto const stored = co_await core.js.last(core.stream(Store::tasks), core.subject(Store::tasks, std::to_string(id)));
  if (!stored) co_return stored.error();
  StoredTask found;
  if (!*stored) co_return found;
  found.revision = (*stored)->sequence;
  auto const read = [&](json const& in) {
    found.task.id = id;
    found.task.status = task_status_from(in.at("status").get<std::string>()).value_or(TaskStatus::open);
    found.task.body = in.at("body").get<std::string>();
    found.task.metadata = in.at("metadata");
    found.task.set_by = in.at("setBy").get<std::string>();
    found.task.updated_at = time_in(in.at("at"));
    return true;
  };
  if (auto const good = read_json((*stored)->data, read); !good)
    co_return internal("task_damaged",
                       "the document of task " + std::to_string(id) + " on NATS is not ours: " + good.error().message);
  co_return found;
}

Task shown(Core const& core, Task task) {
  task.updated_at = core.time.local(task.updated_at);
  return task;
}

Error unknown_command(std::int64_t id) {
  return not_found("unknown_command", "there is no command " + std::to_string(id));
}

Command shown(Core const& core, Command command) {
  command = settled(std::move(command), core.time.now());
  command.created_at = core.time.local(command.created_at);
  if (command.expires_at) command.expires_at = core.time.local(*command.expires_at);
  for (auto& step : command.history) step.at = core.time.local(step.at);
  return command;
}

}  // namespace

awaitable<Result<Task>> task(Core& core, std::int64_t id) {
  auto found = co_await find_task(core, id);
  if (!found) co_return found.error();
  if (found->revision == 0) co_return not_found("unknown_task", "there is no task " + std::to_string(id));
  co_return shown(core, std::move(found->task));
}

awaitable<Result<Task>> set_task(Core& core, Task task) {
  if (task.id <= 0) co_return invalid("id", "a task's id must be a positive integer");
  auto const name = "task " + std::to_string(task.id);
  if (task.body.size() > core.limits.max_body_bytes)
    co_return Error{
        ErrorKind::too_large, "too_large",
        "the body of " + name + " is longer than " + std::to_string(core.limits.max_body_bytes) + " bytes; shorten it",
        "body"};
  if (!is_utf8(task.body)) co_return invalid("body", "body is not UTF-8; encode it so");
  if (auto const good = check_word("setBy", task.set_by, kMaxNameBytes); !good) co_return good.error();
  if (auto const good = object_text("metadata", task.metadata, kMaxPayloadBytes); !good) co_return good.error();
  for (int attempt = 0; attempt < kWriteAttempts; ++attempt) {
    auto before = co_await find_task(core, task.id);
    if (!before) co_return before.error();
    if (before->revision != 0) {
      auto const& old = before->task;
      bool const ended = stage(old.status) == 2;
      if (ended && old.status == task.status) co_return shown(core, std::move(before->task));
      if (ended || stage(task.status) < stage(old.status))
        co_return conflict("task_backwards", name + " is " + std::string(to_string(old.status)) +
                                                 " and cannot become " + std::string(to_string(task.status)) +
                                                 "; make a new task");
    }
    task.updated_at = core.time.now();
    json const document = {{"status", to_string(task.status)},
                           {"body", task.body},
                           {"metadata", task.metadata},
                           {"setBy", task.set_by},
                           {"at", to_millis(task.updated_at)}};
    Publication publication;
    publication.subject = core.subject(Store::tasks, std::to_string(task.id));
    publication.data = document.dump();
    publication.expected = before->revision;
    if (publication.data.size() > kTaskBytes)
      co_return Error{ErrorKind::too_large, "too_large",
                      name + " has " + std::to_string(publication.data.size()) + " bytes, at most " +
                          std::to_string(kTaskBytes) + " are taken over NATS; shorten its body",
                      "body"};
    auto const done = co_await core.js.publish(std::move(publication));
    if (done) co_return shown(core, std::move(task));
    if (done.error().code != "wrong_revision") co_return done.error();
  }
  co_return unavailable("nats_busy", "too many others change " + name + " at once; try again");
}

awaitable<Result<Command>> send_command(Core& core, std::string type, std::string target, json params,
                                        std::optional<milliseconds> expires_after) {
  if (auto const good = check_word("type", type, kMaxKindBytes); !good) co_return good.error();
  if (auto const good = check_word("target", target, kMaxNameBytes); !good) co_return good.error();
  if (auto const good = object_text("params", params, kMaxMetaBytes); !good) co_return good.error();
  if (expires_after)
    if (auto const good = check_span("expiresAfter", *expires_after); !good) co_return good.error();
  Command command;
  command.type = std::move(type);
  command.target = std::move(target);
  command.params = std::move(params);
  command.created_at = core.time.now();
  if (expires_after) command.expires_at = command.created_at + *expires_after;
  command.history.push_back({CommandStatus::pending, command.created_at, json::object()});
  auto const nonce = random_hex(16);
  Publication publication;
  publication.subject = core.subject(Store::commands, nonce);
  publication.data = command_text(command);
  publication.expected = 0;
  publication.message_id = nonce;
  auto const done = co_await write(core, core.command_feed, std::move(publication));
  if (!done) co_return done.error();
  command.id = static_cast<std::int64_t>(done->sequence);
  co_return shown(core, std::move(command));
}

awaitable<Result<Command>> command(Core& core, std::int64_t id) {
  if (auto const there = co_await caught_up(core, {&core.command_feed}); !there) co_return there.error();
  auto const* const found = core.commands.find(id);
  if (!found) co_return unknown_command(id);
  co_return shown(core, found->command);
}

awaitable<Result<std::vector<Command>>> commands_for(Core& core, std::vector<std::string> targets) {
  for (auto const& target : targets)
    if (auto const good = check_word("targets", target, kMaxNameBytes); !good) co_return good.error();
  if (auto const there = co_await caught_up(core, {&core.command_feed}); !there) co_return there.error();
  std::vector<Command> open;
  for (auto const id : core.commands.open(targets, core.time.now()))
    open.push_back(shown(core, core.commands.find(id)->command));
  co_return open;
}

awaitable<Result<Command>> update_command(Core& core, std::int64_t id, CommandStatus status, json detail) {
  if (auto const good = object_text("detail", detail, kMaxMetaBytes); !good) co_return good.error();
  for (int attempt = 0; attempt < kWriteAttempts; ++attempt) {
    if (auto const there = co_await caught_up(core, {&core.command_feed}); !there) co_return there.error();
    auto const* const found = core.commands.find(id);
    if (!found) co_return unknown_command(id);
    auto const now = core.time.now();
    auto const before = settled(found->command, now);
    bool const repeated = before.status == status && (is_end(status) || before.history.back().detail == detail);
    if (repeated) co_return shown(core, found->command);
    if (is_end(before.status) || status < before.status)
      co_return conflict("command_backwards", "command " + std::to_string(id) + " is " +
                                                  std::string(to_string(before.status)) + " and cannot become " +
                                                  std::string(to_string(status)) + "; send a new command");
    Publication publication;
    publication.subject = core.subject(Store::commands, *core.commands.nonce(id));
    publication.data = step_text({status, now, detail});
    publication.expected = found->last;
    auto const done = co_await write(core, core.command_feed, std::move(publication));
    if (!done && done.error().code != "wrong_revision") co_return done.error();
    if (!done) continue;
    auto const* const after = core.commands.find(id);
    if (!after) co_return unknown_command(id);
    co_return shown(core, after->command);
  }
  co_return unavailable("nats_busy", "too many others change command " + std::to_string(id) + " at once; try again");
}

}  // namespace ar::relay::nats
