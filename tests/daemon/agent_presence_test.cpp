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
  world.until([&] { return told()["lastUpdatedAt"].is_number(); }, "its process's start is told");
  auto before = told();
  CHECK(before["model"]["provider"] == "fake");
  CHECK(before["model"]["effort"] == "high");
  CHECK(before["model"]["confidence"] == "unknown");
  CHECK_FALSE(before["model"].contains("id"));
  CHECK(before["session"]["approvalMode"] == "read-only");
  CHECK(before["source"] == "runtime");
  CHECK(before["confidence"] == "reported");
  for (auto const& part : {before, before["model"], before["session"]})
    CHECK(part["lastUpdatedAt"] == world.presence()->meta["startedAt"]);
  CHECK(before["session"]["source"] == "runtime");
  CHECK(before["session"]["confidence"] == "reported");
  CHECK(before["terminal"]["live"] == json{{"read", true}, {"write", true}});
  CHECK(before["terminal"]["attach"] == json{{"create", true}, {"read", true}, {"write", true}, {"detach", true}});
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
  CHECK(world.presence()->meta["context"]["lifecycleState"] == "idle");
}

TEST_CASE("TheBusIsToldAllThatAnAgentWasSpawnedWith") {
  World world;
  world.begin_spawn(
      {{"label", "builder"},
       {"model", "large"},
       {"effort", "high"},
       {"approvalMode", "auto"},
       {"policyName", "nightly"},
       {"spawnRequestId", "request-1"},
       {"automationId", "automation-1"},
       {"automationRunId", "run-1"},
       {"agentProfile",
        {{"name", "reviewer"}, {"instructions", {{"append", {"be brief", "be kind"}}, {"repoInstructions", false}}}}}});
  world.until_state("idle");
  world.until([&] { return world.on_bus(); }, "it is on the bus");
  auto const shown = *world.presence();
  auto const& meta = shown.meta;
  auto const is = [&](char const* name, json const& value) { CHECK_MESSAGE(meta[name] == value, name << meta[name]); };
  is("provider", "fake");
  is("label", "builder");
  is("model", "large");
  is("effort", "high");
  is("approvalMode", "auto");
  is("policyName", "nightly");
  is("spawnRequestId", "request-1");
  is("automationId", "automation-1");
  is("automationRunId", "run-1");
  is("runnerId", "a");
  is("runnerManaged", true);
  is("cwd", world.dir().string());
  is("tmuxSession", "ar-a");
  is("tmuxSocket", world.services().paths.tmux_socket().string());
  is("workspaceMode", "shared");
  is("transport", "connected");
  is("profile", "reviewer");
  CHECK(meta["workspace"]["mode"] == "shared");
  CHECK(meta["workspace"]["requestedMode"] == "shared");
  CHECK(meta["auth"]["profileId"] == "provider-agent");
  CHECK(meta["auth"]["jti"] == world.agent().token().jti);
  CHECK_FALSE(world.agent().token().jti.empty());
  CHECK(meta["lifecycleCapabilities"] ==
        json{{"shutdownHard", true}, {"restartHard", true}, {"semanticStatus", true}, {"transportReconnect", true}});
  // Of a profile how many texts it has, and what has become of it.
  auto const& profile = meta["agentProfile"];
  CHECK(profile["name"] == "reviewer");
  CHECK(profile["instructions"]["appendCount"] == 2);
  CHECK(profile["instructions"]["repoInstructions"] == false);
  CHECK(profile.dump().find("be kind") == std::string::npos);
  CHECK(profile["projection"] == json{{"applied", 0}, {"approximated", json::array()}, {"notPossible", json::array()}});
  // What it has been spawned for is in its commands' results as well.
  auto const command = world.ended(world.command("agent.compact"));
  CHECK(command.history.back().detail["result"]["spawnRequestId"] == "request-1");
}

TEST_CASE("TheEnvironmentSaysTheUsualWorkspaceMode") {
  World world;
  ::setenv("AGENT_RELAY_WORKSPACE_MODE", "nonsense", 1);
  auto const refused = world.try_spawn({{"id", "a"}});
  auto const asked = world.try_spawn({{"id", "b"}, {"workspace", {{"mode", "shared"}}}});
  ::unsetenv("AGENT_RELAY_WORKSPACE_MODE");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find("\"nonsense\"") != std::string::npos);
  CHECK_MESSAGE(asked.has_value(), asked.error().message);
}

TEST_CASE("TheBusHearsWhichEndItIs") {
  World world;
  world.spawn();
  world.until([&] { return world.on_bus(); }, "it is on the bus");
  json told = nullptr;
  world.script.on_quit = [&] { told = world.bus->told_meta["lifecycleAction"]; };
  REQUIRE(world.act("restart").has_value());
  CHECK(told == "restarting");
  world.until_state("idle");
  world.script.remove_takes = 2s;
  world.begin(world.agent().act("kill", json::object()));
  world.until([&] { return world.bus->told_meta["lifecycleAction"] == "killing"; }, "the bus hears of the kill");
  world.until_state("stopped");
}

TEST_CASE("ARenewedTokenIsToldToTheBusAtOnce") {
  World world;
  world.config().agent_token_lifetime_s = 1'000;
  world.spawn();
  world.until([&] { return world.on_bus(); }, "it is on the bus");
  auto const before = world.presence()->meta["auth"]["expiresAt"].get<std::int64_t>();
  world.until([&] { return world.bus->calls["renew_token"] > 0; }, "it is renewed", 1s);
  world.settle();
  CHECK(world.presence()->meta["auth"]["expiresAt"] > before);
  CHECK(world.presence()->meta["auth"]["jti"] == world.agent().token().jti);
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
