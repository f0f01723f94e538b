// Tasks and commands.
#include "relay/server/route.hpp"
#include "relay/server/scope.hpp"

namespace ar::relay::server {
namespace {

using http::Response;

awaitable<Result<Response>> task(Call& call) {
  auto const may = co_await check_may_see_task(call, call.number);
  if (!may) co_return may.error();
  co_return shown(co_await call.bus.task(call.number));
}

awaitable<Result<Response>> set_task(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  Task task;
  task.id = in.integer("id", 0, INT64_MIN, INT64_MAX);
  auto const status = in.string("status");
  task.body = in.string("body");
  task.metadata = in.object("metadata");
  task.set_by = in.string("setBy");
  auto const known = task_status_from(status);
  if (!known) in.fail("status", "is \"" + status.substr(0, 40) + "\", which is no status of a task");
  if (auto error = in.finish()) co_return *error;
  task.status = *known;
  if (auto may = call.check_agent(task.set_by); !may) co_return may.error();
  auto const may = co_await check_may_see_task(call, task.id);
  if (!may) co_return may.error();
  co_return shown(co_await call.bus.set_task(std::move(task)));
}

awaitable<Result<Response>> send_command(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto type = in.string("type");
  auto target = in.string("target");
  auto params = in.object("params");
  auto const expires = in.maybe_integer("expiresAfterMs");
  if (auto error = in.finish()) co_return *error;
  if (auto may = call.check_agent(target); !may) co_return may.error();
  std::optional<milliseconds> after;
  if (expires) after = milliseconds(*expires);
  co_return shown(co_await call.bus.send_command(std::move(type), std::move(target), std::move(params), after), 201);
}

awaitable<Result<Response>> command(Call& call) {
  auto const told = co_await call.bus.command(call.number);
  if (told)
    if (auto may = call.check_agent(told->target); !may) co_return may.error();
  co_return shown(told);
}

awaitable<Result<Response>> pending(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto targets = in.strings("targets");
  if (auto error = in.finish()) co_return *error;
  for (auto const& target : targets)
    if (auto may = call.check_agent(target); !may) co_return may.error();
  co_return listed("commands", co_await call.bus.commands_for(std::move(targets)));
}

awaitable<Result<Response>> update_command(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto const text = in.string("status");
  auto detail = in.object("detail");
  auto const status = command_status_from(text);
  if (!status) in.fail("status", "is \"" + text.substr(0, 40) + "\", which is no status of a command");
  if (auto error = in.finish()) co_return *error;
  auto const told = co_await call.bus.command(call.number);
  if (!told) co_return told.error();
  if (auto may = call.check_agent(told->target); !may) co_return may.error();
  co_return shown(co_await call.bus.update_command(call.number, *status, std::move(detail)));
}

constexpr Route rows[] = {
    {"GET", "/api/tasks/{task}", "tasks", Body::none, "", "one task", task},
    {"PUT", "/api/tasks", "tasks", Body::json, "", "create a task or move it on", set_task},
    {"POST", "/api/commands", "commands", Body::json, "", "tell an agent or its runner to do something", send_command},
    {"GET", "/api/commands/{command}", "commands", Body::none, "", "one command with its history", command},
    {"POST", "/api/commands/pending", "presence", Body::json, "", "unfinished commands for any of the targets",
     pending},
    {"POST", "/api/commands/{command}/status", "presence", Body::json, "", "how far it is", update_command},
};

}  // namespace

std::span<Route const> work_routes() { return rows; }

}  // namespace ar::relay::server
