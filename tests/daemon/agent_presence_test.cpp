// An agent's face on the bus: what others see of it, and what it does while the bus refuses.
#include "world.hpp"

using namespace ar;
using namespace ar::test;

TEST_CASE("AFailedAgentIsNotReadyAndARepairedOneShowsNothingOfIt") {
  World world;
  world.script.dies_at_once = true;
  world.begin_spawn();
  world.until_state("failed");
  world.until([&] { return world.presence()->status == "error"; }, "the bus knows");
  CHECK_FALSE(world.presence()->ready);
  CHECK(world.presence()->meta["terminalStatus"] == "error");
  world.script.dies_at_once = false;
  CHECK(world.act("restart").has_value());
  world.until([&] { return world.presence()->status == "idle"; }, "the bus knows");
  auto const shown = *world.presence();
  CHECK(shown.ready);
  CHECK(shown.meta["terminalStatus"].is_null());
  CHECK(shown.meta["pendingApprovals"] == json::array());
  CHECK(shown.meta["context"].is_null());
}

TEST_CASE("EveryLivenessTickTellsTheStatus") {
  World world;
  world.spawn();
  world.pass(1s);
  auto const before = world.bus->calls["publish_status"];
  world.pass(62s);
  CHECK(world.bus->calls["publish_status"] - before >= 3);
}

TEST_CASE("UnreadMessagesAreFetchedAlsoWhileRegistrationIsRefused") {
  World world;
  world.bus->faults["register_agent"] = invalid("meta", "the bus does not like it");
  world.spawn();
  world.pass(62s);
  CHECK(world.bus->calls["unread"] >= 3);
  world.bus->faults.clear();
  world.until([&] { return world.on_bus(); }, "it is on the bus");
}

TEST_CASE("ATokenThatCannotBeRenewedIsToldOnceAndItsEndOnce") {
  World world;
  world.config().agent_token_lifetime_s = 1'000;
  world.bus->faults["renew_token"] = unavailable("away", "the bus is away");
  world.spawn();
  world.pass(950s);
  CHECK(world.bus->calls["renew_token"] >= 3);
  CHECK(world.events("runtime-token-renewal-failed").size() == 1);
  world.pass(900s);
  CHECK(world.events("runtime-token-renewal-failed").size() == 1);
  auto const ended = world.events("runtime-token-ended");
  REQUIRE(ended.size() == 1);
  CHECK(ended[0]["data"]["reason"].get<std::string>().find("expired") != std::string::npos);
}

TEST_CASE("AShutdownWhileTheBusIsAwayLeavesItWhenItIsBack") {
  World world;
  world.spawn();
  world.until([&] { return world.on_bus(); }, "it is on the bus");
  world.bus->faults["remove_agent"] = unavailable("away", "the bus is away");
  auto const id = world.command("agent.shutdown");
  world.until_state("stopped");
  world.pass(10s);
  CHECK(world.on_bus());
  world.bus->faults.clear();
  CHECK(world.ended(id).status == CommandStatus::succeeded);
  CHECK_FALSE(world.on_bus());
}

TEST_CASE("AReconnectRegistersFetchesAndLooksAtTheTerminal") {
  World world;
  world.spawn();
  world.pass(1s);
  auto const registered = world.bus->calls["register_agent"], unread = world.bus->calls["unread"];
  auto const looks = world.script.captures;
  auto const reconnected = world.act("reconnect");
  REQUIRE(reconnected.has_value());
  CHECK((*reconnected)["transport"] == "connected");
  CHECK(world.bus->calls["register_agent"] == registered + 1);
  CHECK(world.bus->calls["unread"] == unread + 1);
  CHECK(world.script.captures == looks + 1);
  world.bus->faults["register_agent"] = unavailable("away", "the bus is away");
  auto const failed = world.act("reconnect");
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == "away");
}
