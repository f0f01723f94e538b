// An agent's face on the bus: what others see of it, and what it does while the bus refuses.
#include "daemon/agent/provider_capabilities.hpp"
#include "world.hpp"

#include <cstdlib>

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

TEST_CASE("WhatTheEnvironmentAddsIsTrimmedAndNoTagComesTwice") {
  ::setenv("AGENT_RELAY_TAGS", " night ,, build,", 1);
  ::setenv("AGENT_RELAY_CAPABILITIES", "deploy , review", 1);
  World world;
  world.spawn({{"tags", {"build", "fake", "build"}}, {"capabilities", {"review"}}});
  ::unsetenv("AGENT_RELAY_TAGS");
  ::unsetenv("AGENT_RELAY_CAPABILITIES");
  auto const identity = world.agent().identity();
  CHECK(identity.tags == std::vector<std::string>{"build", "fake", "night", "headless"});
  CHECK(identity.capabilities == std::vector<std::string>{"review", "deploy"});
}

TEST_CASE("TheBusHearsOfAnEndBeforeTheProvider") {
  World world;
  world.spawn();
  world.until([&] { return world.on_bus(); }, "it is on the bus");
  CHECK(world.presence()->meta["lifecycleActionAt"].is_null());
  bool ready = true;
  json meta;
  world.script.on_quit = [&] {
    ready = world.bus->told_ready;
    meta = world.bus->told_meta;
  };
  auto const begun = to_millis(wall_now());
  REQUIRE(world.act("stop").has_value());
  CHECK_FALSE(ready);
  CHECK(meta["state"] == "stopping");
  CHECK(meta["lifecycleAction"] == "shutting-down");
  CHECK(meta["lifecycleActionAt"] >= begun);
  world.until([&] { return world.presence()->meta["lifecycleAction"].is_null(); }, "the bus knows");
  CHECK(world.presence()->meta["lifecycleActionAt"].is_null());
}

TEST_CASE("ABusThatIsAwayDoesNotHoldUpAnEnd") {
  World world;
  world.spawn();
  world.until([&] { return world.on_bus(); }, "it is on the bus");
  world.bus->faults["publish_status"] = unavailable("away", "the bus is away");
  auto const begun = world.now();
  REQUIRE(world.act("stop").has_value());
  CHECK(world.now() - begun < 2s);
}

TEST_CASE("WhatIsAbsentIsNullOnTheBusAndTimesAreNumbers") {
  World world;
  world.spawn();
  world.until([&] { return world.on_bus(); }, "it is on the bus");
  auto const meta = world.presence()->meta;
  for (auto const* name : {"model", "effort", "label", "profile", "agentProfile", "policyName", "spawnRequestId",
                           "automationId", "automationRunId", "lifecycleAction", "providerState"})
    CHECK_MESSAGE(meta[name].is_null(), name);
  CHECK(meta["startedAt"].is_number_integer());
  CHECK(meta["auth"]["expiresAt"].is_null());
  CHECK(meta["package"]["version"] == meta["version"]);
}

TEST_CASE("TheBusIsToldWhatTheProviderCanDoNow") {
  World world;
  world.begin_spawn({{"effort", "high"}, {"approvalMode", "read-only"}});
  world.until_state("idle");
  world.until([&] { return world.on_bus(); }, "it is on the bus");
  auto const told = [&] { return world.presence()->meta["providerCapabilities"]; };
  auto before = told();
  CHECK(before["model"]["provider"] == "fake");
  CHECK(before["model"]["effort"] == "high");
  CHECK(before["model"]["confidence"] == "unknown");
  CHECK_FALSE(before["model"].contains("id"));
  CHECK(before["session"]["approvalMode"] == "read-only");
  CHECK(before["source"] == "runtime");
  CHECK(before["lastUpdatedAt"] == world.presence()->meta["startedAt"]);
  CHECK_FALSE(before["context"].contains("stats"));
  adapters::ContextUse use;
  use.source = "api";
  use.confidence = "reported";
  world.script.emit(use);
  adapters::Ready ready;
  ready.model = "large";
  world.script.emit(ready);
  world.pass(31s);
  auto const after = told();
  CHECK(after["model"]["id"] == "large");
  CHECK(after["model"]["source"] == "provider");
  CHECK(after["model"]["confidence"] == "reported");
  CHECK(after["context"]["stats"] == json{{"source", "api"}, {"confidence", "reported"}});
}

TEST_CASE("AReadOnlySessionWritesNothing") {
  AgentSpec spec;
  spec.model = "opus";
  AgentRecord record;
  record.model = "opus-4";
  json const facts = {{"session", {{"fileRead", true}, {"fileWrite", true}, {"shell", true}}}};
  auto const of = [&](char const* mode) {
    spec.approval_mode = mode;
    return provider_capabilities(facts, spec, record, nullptr);
  };
  CHECK(of("guarded")["session"]["shell"] == true);
  auto const told = of("read-only");
  CHECK(told["session"]["fileRead"] == true);
  CHECK(told["session"]["fileWrite"] == false);
  CHECK(told["session"]["shell"] == false);
  CHECK(told["model"]["alias"] == "opus");
  CHECK(told["model"]["id"] == "opus-4");
  CHECK(told["model"]["source"] == "runtime");
}
