// Commands from the bus (docs/bus.md) and the restart policy's memory.
#include "relay/embedded/embedded_bus.hpp"
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

json error_of(Command const& command) {
  REQUIRE(command.status == CommandStatus::failed);
  return command.history.back().detail["error"];
}

}  // namespace

TEST_CASE("ACommandGoesThroughItsStatusesAndTellsItsResult") {
  World world;
  world.spawn();
  auto const command = world.ended(world.command("agent.compact", {{"reason", "it is full"}}));
  CHECK(statuses_of(command) == std::vector<CommandStatus>{CommandStatus::pending, CommandStatus::accepted,
                                                           CommandStatus::running, CommandStatus::succeeded});
  auto const result = command.history.back().detail["result"];
  CHECK(result["action"] == "agent.compact");
  CHECK(result["agentId"] == "a");
  CHECK(result["runnerId"] == "a");
  CHECK(result["reason"] == "it is full");
  CHECK(result["state"] == "idle");
  for (auto const* absent : {"policyName", "spawnRequestId", "providerResult"}) CHECK_FALSE(result.contains(absent));
}

TEST_CASE("AShutDownAgentLeavesTheBusAndComesBackWithItsRestart") {
  World world;
  world.spawn();
  CHECK(world.on_bus());
  world.ended(world.command("agent.shutdown"));
  CHECK(world.state() == "stopped");
  CHECK(world.script.asked_to_quit == 1);
  CHECK(world.script.killed == 0);
  CHECK_FALSE(world.on_bus());
  auto const restart = world.ended(world.command("agent.restart"));
  CHECK(restart.status == CommandStatus::succeeded);
  world.until_state("idle");
  world.until([&] { return world.on_bus(); }, "it is on the bus again");
}

TEST_CASE("AnAgentThatDoesNotEndIsKilledWhenItsTimeIsOver") {
  World world;
  world.script.quits = false;
  world.spawn();
  auto const begun = world.now();
  world.ended(world.command("agent.shutdown", {{"timeoutMs", 3'000}}));
  CHECK(world.state() == "stopped");
  CHECK(world.script.asked_to_quit == 1);
  CHECK(world.script.killed == 1);
  CHECK(world.now() - begun >= 3s);
  CHECK(world.now() - begun < 8s);
}

TEST_CASE("ARestartAsksFirstAndKillsWhenItsTimeIsOver") {
  World world;
  world.script.quits = false;
  world.spawn();
  auto const begun = world.now();
  auto const restart = world.ended(world.command("agent.restart", {{"timeoutMs", 3'000}}));
  CHECK(restart.status == CommandStatus::succeeded);
  CHECK(world.script.asked_to_quit == 1);
  CHECK(world.script.killed == 1);
  CHECK(world.script.starts == 2);
  CHECK(world.now() - begun >= 3s);
  CHECK(world.now() - begun < 8s);
}

TEST_CASE("AProvidersTableSaysHowLongItsAgentsHaveToEnd") {
  World world;
  world.config().providers["fake"] = {{"shutdown_timeout_ms", 4'000}};
  world.script.quits = false;
  world.spawn();
  auto const begun = world.now();
  world.ended(world.command("agent.shutdown"));
  CHECK(world.state() == "stopped");
  CHECK(world.now() - begun >= 4s);
  CHECK(world.now() - begun < 9s);
}

TEST_CASE("AStopThatHasNotNoticedTheEndLeavesTheNextProcessAlone") {
  World world;
  world.script.quit_takes = 5s;
  world.spawn();
  json const none = json::object();
  CHECK(world.await(world.agent().act("stop", none)).has_value());
  CHECK(world.await(world.agent().act("restart", none)).has_value());
  world.until_state("idle");
  auto const begun = world.now();
  world.until([&] { return world.now() - begun > 30s; }, "30 s have passed");
  CHECK(world.state() == "idle");
  CHECK(world.script.starts == 2);
  CHECK(world.script.killed == 0);
}

TEST_CASE("AKillDoesNotAskFirst") {
  World world;
  world.spawn();
  world.ended(world.command("agent.kill"));
  CHECK(world.state() == "stopped");
  CHECK(world.script.asked_to_quit == 0);
  CHECK(world.script.killed == 1);
  CHECK_FALSE(world.on_bus());
}

TEST_CASE("ACommandThatCannotBeCarriedOutFailsWithItsReason") {
  World world;
  world.spawn();
  auto const failure = [&](char const* type, json params) {
    return error_of(world.ended(world.command(type, params)));
  };
  CHECK(failure("agent.dance", json::object())["error"].get<std::string>().find("agent.dance") != std::string::npos);
  for (auto const& bad : {json(""), json(" \n "), json(7), json()})
    CHECK(failure("agent.injectContext", {{"content", bad}})["code"] == "invalid_argument");
  CHECK(failure("agent.clearContext", json::object())["code"] == "unsupported");
  CHECK(world.state() == "idle");
  CHECK(world.script.asked_to_quit == 0);
}

TEST_CASE("WhatACommandSaysBesidesItsParametersIsIgnored") {
  World world;
  world.spawn({{"policyName", "nightly"}});
  auto const command = world.ended(world.command("agent.compact", {{"reason", 7}, {"foo", "bar"}, {"timeoutMs", {}}}));
  REQUIRE(command.status == CommandStatus::succeeded);
  auto const result = command.history.back().detail["result"];
  CHECK_FALSE(result.contains("reason"));
  CHECK(result["policyName"] == "nightly");
}

TEST_CASE("ATimeoutThatIsTooLongIsCutAndAWrongOneIsTheUsual") {
  World world;
  world.script.quits = false;
  world.spawn();
  auto const takes = [&](json const& timeout) {
    world.ended(world.command("agent.restart"));
    world.until_state("idle");
    auto const begun = world.now();
    world.ended(world.command("agent.shutdown", {{"timeoutMs", timeout}}));
    return world.now() - begun;
  };
  auto const longest = takes(100'000);
  CHECK(longest >= 60s);
  CHECK(longest < 65s);
  for (auto const& wrong : {json(0), json(-5), json("soon"), json(1.5)}) {
    auto const usual = takes(wrong);
    CHECK(usual >= 10s);
    CHECK(usual < 15s);
  }
}

TEST_CASE("InjectedContextTellsWhatItIs") {
  World world;
  world.spawn();
  json const given = {{"content", "  remember \n"}, {"reason", "it forgot"}, {"memoryIds", {7, nullptr}}};
  CHECK(world.ended(world.command("agent.injectContext", given)).status == CommandStatus::succeeded);
  auto const& open = world.agent().queue().open();
  REQUIRE(open.size() == 1);
  auto const& delivery = open.begin()->second;
  CHECK(delivery.is_local());  // it has no number of the bus's
  CHECK(delivery.from == "system");
  CHECK(delivery.kind == "system");
  CHECK(delivery.subject == "Agent Relay memory context");
  CHECK(delivery.local_body == "remember");
  auto const queued = world.events("message.queued");
  REQUIRE(queued.size() == 1);
  CHECK(queued[0]["data"]["payload"] ==
        json{{"memoryInjection", true}, {"memoryIds", json::array()}, {"reason", "it forgot"}});
}

TEST_CASE("OfManyCommandsSomeWaitOnTheBus") {
  World world;
  world.script.quits = false;
  world.spawn();
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 70; ++i) ids.push_back(world.command("agent.shutdown", {{"timeoutMs", 3'000}}));
  auto const count = [&](CommandStatus status) {
    return std::ranges::count_if(ids, [&](auto id) { return world.seen(id).status == status; });
  };
  world.until([&] { return count(CommandStatus::running) == 64; }, "as many are carried out as may be at once");
  CHECK(count(CommandStatus::pending) == 6);
  for (auto const id : ids) CHECK(world.ended(id).status == CommandStatus::succeeded);
}

TEST_CASE("ACommandWhoseNumberAnotherHadInAStoreThatIsLostIsCarriedOut") {
  World world;
  world.spawn();
  world.bus->named = world.bus->store();
  world.bus->named->commands = "first";
  auto const first = world.command("agent.compact");
  CHECK(world.ended(first).status == CommandStatus::succeeded);
  auto& before = world.bus->real();
  auto const other = *relay::EmbeddedBus::open(world.executor(), world.dir() / "other" / "relay.db", {});
  world.bus->named->commands = "second";  // of the commands only: messages are still that store's
  world.bus->become(*other);
  REQUIRE(world.act("reconnect").has_value());
  auto const second = world.command("agent.compact");
  REQUIRE(second == first);
  CHECK(world.ended(second).status == CommandStatus::succeeded);
  CHECK(world.events("command.running").size() == 2);
  world.crash();
  world.bus->become(before);
  world.await(other->stop());
}

TEST_CASE("InjectedContextIsQueuedAndCounted") {
  World world;
  world.spawn();
  auto const command =
      world.ended(world.command("agent.injectContext", {{"content", "remember"}, {"memoryIds", {"mem_1", 7}}}));
  auto const result = command.history.back().detail["result"]["providerResult"];
  CHECK(result["injectedMemoryCount"] == 0);
  CHECK(result["memoryIds"] == json::array());
  CHECK(world.agent().queue().deliveries().waiting() == 1);
}

TEST_CASE("AReconnectFromTheBusTellsAndFetchesEverythingAnew") {
  World world;
  world.spawn();
  world.until([&] { return world.on_bus(); }, "it is on the bus");
  world.settle();
  auto const registered = world.bus->calls["register_agent"], unread = world.bus->calls["unread"];
  auto const looks = world.script.captures;
  auto const command = world.ended(world.command("agent.reconnect", {{"reason", "it is silent"}}));
  CHECK(statuses_of(command) == std::vector<CommandStatus>{CommandStatus::pending, CommandStatus::accepted,
                                                           CommandStatus::running, CommandStatus::succeeded});
  auto const result = command.history.back().detail["result"];
  CHECK(result["action"] == "agent.reconnect");
  CHECK(result["reason"] == "it is silent");
  CHECK(result["state"] == "idle");
  CHECK(world.bus->calls["register_agent"] == registered + 1);
  CHECK(world.bus->calls["unread"] >= unread + 1);
  CHECK(world.script.captures == looks + 1);
  CHECK(world.script.starts == 1);
}

TEST_CASE("AReconnectThatFailsSaysWhyAndTheAgentGoesOn") {
  World world;
  world.spawn();
  world.until([&] { return world.on_bus(); }, "it is on the bus");
  auto const failed = [&](char const* code) {
    auto const command = world.ended(world.command("agent.reconnect"));
    CHECK(statuses_of(command) == std::vector<CommandStatus>{CommandStatus::pending, CommandStatus::accepted,
                                                             CommandStatus::running, CommandStatus::failed});
    CHECK(error_of(command)["code"] == code);
    CHECK(error_of(command)["action"] == "agent.reconnect");
  };
  for (auto const* call : {"register_agent", "unread"}) {
    world.bus->faults[call] = unavailable("away", "the bus is away");
    failed("away");
    world.bus->faults.clear();
  }
  CHECK(world.ended(world.command("agent.reconnect")).status == CommandStatus::succeeded);
  CHECK(world.state() == "idle");
  world.ended(world.command("agent.shutdown"));
  failed("agent_not_running");
  CHECK_FALSE(world.on_bus());
}

TEST_CASE("ACommandCutOffByTheEndOfTheDaemonIsToldToHaveBeen") {
  World world;
  world.script.compact_hangs = true;
  world.spawn();
  auto const id = world.command("agent.compact");
  world.until([&] { return world.seen(id).status == CommandStatus::running; }, "the command runs");
  world.until([&] { return world.presence()->status == "busy"; }, "the bus knows");
  auto const work = world.presence()->meta["activeWork"];
  REQUIRE(work.size() == 1);
  CHECK(work[0]["kind"] == "command");
  CHECK(work[0]["id"] == std::to_string(id));
  CHECK(work[0]["startedAt"].is_string());
  world.crash();
  world.start();
  auto const error = error_of(world.ended(id));
  CHECK(error["code"] == "interrupted");
  CHECK(world.script.starts == 1);  // adopted
}

TEST_CASE("AShutdownCutOffByTheEndOfTheDaemonIsSeenThrough") {
  World world;
  world.script.quits = false;
  world.spawn();
  auto const id = world.command("agent.shutdown", {{"timeoutMs", 60'000}});
  world.until([&] { return world.seen(id).status == CommandStatus::running && world.script.asked_to_quit == 1; },
              "the command runs");
  world.crash();
  world.start();
  CHECK(world.ended(id).status == CommandStatus::succeeded);
  CHECK(world.state() == "stopped");
  CHECK_FALSE(world.on_bus());
}

TEST_CASE("ExitsCountAcrossTheEndOfTheDaemon") {
  World world;
  world.spawn();
  for (int exit = 1; exit <= 3; ++exit) {
    world.script.end(ExitStatus{1, 0, true});
    world.until([&] { return world.script.starts == exit + 1 && world.state() == "idle"; }, "it was started again");
    world.crash();
    world.start();
    world.until_state("idle");
  }
  world.script.end(ExitStatus{1, 0, true});
  world.until_state("failed");
  CHECK(world.script.starts == 4);
  CHECK(world.agent().view()["reason"].get<std::string>().find("gave up after 4 exits") != std::string::npos);
  // A person's restart begins anew.
  json const none = json::object();
  CHECK(world.await(world.agent().act("restart", none)).has_value());
  world.until_state("idle");
  world.script.end(ExitStatus{1, 0, true});
  world.until([&] { return world.script.starts == 6; }, "it was started again");
}
