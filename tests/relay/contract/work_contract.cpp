// Tasks and commands.
#include "relay/contract/contract.hpp"

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using std::chrono::minutes;

namespace {

Task task_at(std::int64_t id, TaskStatus status) {
  Task task;
  task.id = id;
  task.status = status;
  task.body = "body of " + std::string(to_string(status));
  task.metadata["messageId"] = 12;
  task.set_by = "worker";
  return task;
}

Command restart_of(Contract& t, std::string target, std::optional<milliseconds> expires_after = std::nullopt) {
  json params = json::object();
  params["timeoutMs"] = 500;
  return t.good(t.bus().send_command("agent.restart", std::move(target), std::move(params), expires_after));
}
awaitable<Result<Command>> step(Contract& t, std::int64_t id, CommandStatus status, json detail = json::object()) {
  return t.bus().update_command(id, status, std::move(detail));
}

}  // namespace

TEST_CASE("TaskIsKeptWithWhoSetIt") {
  Contract t;
  CHECK(t.code(t.bus().task(7)) == "unknown_task");
  t.good(t.bus().set_task(task_at(7, TaskStatus::open)));
  t.good(t.bus().set_task(task_at(7, TaskStatus::in_progress)));
  t.restart();
  auto const found = t.good(t.bus().task(7));
  CHECK(found.status == TaskStatus::in_progress);
  CHECK(found.body == "body of in_progress");
  CHECK(found.metadata["messageId"] == 12);
  CHECK(found.set_by == "worker");
  CHECK(found.updated_at > WallTime());
}

TEST_CASE("TaskNeverGoesBackwards") {
  constexpr TaskStatus all[] = {TaskStatus::open, TaskStatus::in_progress, TaskStatus::done, TaskStatus::failed,
                                TaskStatus::cancelled};
  auto const stage = [](TaskStatus s) { return s == TaskStatus::open ? 0 : s == TaskStatus::in_progress ? 1 : 2; };
  Contract t;
  std::int64_t id = 0;
  for (auto const from : all) {
    for (auto const to : all) {
      CAPTURE(to_string(from));
      CAPTURE(to_string(to));
      t.good(t.bus().set_task(task_at(++id, from)));
      bool const allowed = from == to || stage(to) > stage(from);
      CHECK(t.code(t.bus().set_task(task_at(id, to))) == (allowed ? "" : "task_backwards"));
      CHECK(t.good(t.bus().task(id)).status == (allowed ? to : from));
    }
  }
}

TEST_CASE("RepeatedEndOfATaskChangesNothing") {
  Contract t;
  t.good(t.bus().set_task(task_at(7, TaskStatus::done)));
  auto again = task_at(7, TaskStatus::done);
  again.body = "a second story";
  CHECK(t.good(t.bus().set_task(again)).body == "body of done");
  CHECK(t.good(t.bus().task(7)).body == "body of done");
}

TEST_CASE("BadTasksAreRefused") {
  Contract t;
  auto bad = task_at(7, TaskStatus::open);
  std::string expected;
  SUBCASE("no id") { bad.id = 0, expected = "invalid id"; }
  SUBCASE("nobody") { bad.set_by = "", expected = "invalid setBy"; }
  SUBCASE("body not UTF-8") { bad.body = "\xFF", expected = "invalid body"; }
  SUBCASE("body too large") { bad.body.assign(t.bus().limits().max_body_bytes + 1, 'x'), expected = "too_large body"; }
  SUBCASE("metadata a list") { bad.metadata = json::array(), expected = "invalid metadata"; }
  CHECK(t.problem(t.bus().set_task(bad)) == expected);
  CHECK(t.code(t.bus().task(7)) == "unknown_task");
}

TEST_CASE("CommandKeepsItsHistory") {
  Contract t;
  auto const id = restart_of(t, "worker").id;
  t.good(step(t, id, CommandStatus::accepted));
  t.good(step(t, id, CommandStatus::running));
  json result = json::object();
  result["result"]["action"] = "restart";
  t.restart();
  t.good(step(t, id, CommandStatus::succeeded, result));
  auto const found = t.good(t.bus().command(id));
  CHECK(found.type == "agent.restart");
  CHECK(found.target == "worker");
  CHECK(found.params["timeoutMs"] == 500);
  CHECK(found.status == CommandStatus::succeeded);
  REQUIRE(found.history.size() == 4);
  CHECK(found.history[0].status == CommandStatus::pending);
  CHECK(found.history[1].status == CommandStatus::accepted);
  CHECK(found.history[2].status == CommandStatus::running);
  CHECK(found.history[3].status == CommandStatus::succeeded);
  CHECK(found.history[3].detail == result);
}

TEST_CASE("UnfinishedCommandsAreListedForTheirTargets") {
  Contract t;
  auto const first = restart_of(t, "worker").id;
  auto const second = restart_of(t, "runner-1").id;
  auto const other = restart_of(t, "somebody").id;
  t.restart();
  auto const open = [&] {
    std::vector<std::int64_t> ids;
    for (auto const& command : t.good(t.bus().commands_for({"worker", "runner-1"}))) ids.push_back(command.id);
    return ids;
  };
  CHECK(open() == std::vector{first, second});
  t.good(step(t, first, CommandStatus::running));
  CHECK(open() == std::vector{first, second});
  t.good(step(t, first, CommandStatus::failed));
  CHECK(open() == std::vector{second});
  CHECK(t.good(t.bus().command(other)).status == CommandStatus::pending);
  CHECK(t.code(t.bus().command(4711)) == "unknown_command");
  CHECK(t.code(step(t, 4711, CommandStatus::running)) == "unknown_command");
}

TEST_CASE("CommandNeverGoesBackwardsNorOutOfItsEnd") {
  Contract t;
  auto const id = restart_of(t, "worker").id;
  t.good(step(t, id, CommandStatus::running));
  CHECK(t.code(step(t, id, CommandStatus::accepted)) == "command_backwards");
  CHECK(t.code(step(t, id, CommandStatus::pending)) == "command_backwards");
  // A repeat is no step; news about the same status is one.
  t.good(step(t, id, CommandStatus::running));
  CHECK(t.good(t.bus().command(id)).history.size() == 2);
  json progress = json::object();
  progress["percent"] = 50;
  t.good(step(t, id, CommandStatus::running, progress));
  CHECK(t.good(t.bus().command(id)).history.size() == 3);
  t.good(step(t, id, CommandStatus::failed));
  for (auto const status : {CommandStatus::running, CommandStatus::succeeded, CommandStatus::expired})
    CHECK(t.code(step(t, id, status)) == "command_backwards");
  t.good(step(t, id, CommandStatus::failed, progress));
  CHECK(t.good(t.bus().command(id)).history.size() == 4);
}

TEST_CASE("CommandThatIsNotRunningInTimeExpires") {
  Contract t;
  auto const slow = restart_of(t, "worker", minutes(1)).id;
  auto const started = restart_of(t, "worker", minutes(1)).id;
  auto const patient = restart_of(t, "worker").id;
  t.good(step(t, slow, CommandStatus::accepted));
  t.good(step(t, started, CommandStatus::running));
  t.advance(minutes(1));
  CHECK(t.code(step(t, slow, CommandStatus::running)) == "command_backwards");
  auto const expired = t.good(t.bus().command(slow));
  CHECK(expired.status == CommandStatus::expired);
  CHECK(expired.history.back().status == CommandStatus::expired);
  CHECK(t.good(t.bus().command(started)).status == CommandStatus::running);
  CHECK(t.good(t.bus().command(patient)).status == CommandStatus::pending);
  CHECK(t.good(t.bus().commands_for({"worker"})).size() == 2);
}

TEST_CASE("BadCommandsAreRefused") {
  Contract t;
  CHECK(t.problem(t.bus().send_command("", "worker", json::object(), std::nullopt)) == "invalid type");
  CHECK(t.problem(t.bus().send_command("agent.kill", "", json::object(), std::nullopt)) == "invalid target");
  CHECK(t.problem(t.bus().send_command("agent.kill", "worker", json::array(), std::nullopt)) == "invalid params");
  for (auto const span : impossible_spans())
    CHECK(t.problem(t.bus().send_command("agent.kill", "worker", json::object(), span)) == "invalid expiresAfter");
  auto const patient = t.good(t.bus().send_command("agent.kill", "worker", json::object(), kLongestSpan));
  t.restart();
  CHECK(t.good(t.bus().command(patient.id)).status == CommandStatus::pending);
  CHECK(t.good(t.bus().command(patient.id)).expires_at > wall_now() + kLongestSpan / 2);
}
