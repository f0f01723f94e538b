// A turn that stands still is told once, and ended where that is configured; one that works, waits for a person or has
// just begun is none.
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

/// An agent in a turn; looks at its processes find what the test says.
struct InATurn {
  explicit InATurn(json const& more = json::object()) {
    world.script.activity.knows_network = true;
    world.script.activity.processes[100] = {1, 50, 1000};
    world.spawn(more);
    world.script.emit(adapters::TurnStarted{});
    world.until_state("busy");
    world.settle();
  }
  std::size_t told(char const* type) { return world.events(type).size(); }
  World world;
};

}  // namespace

TEST_CASE("ATurnWithoutASignOfLifeIsToldOnceWithItsScreen") {
  InATurn at;
  at.world.pass(10min);
  CHECK(at.told("agent.stalled") == 0);  // the first look was a minute after its begin
  at.world.pass(2min);
  auto const stalled = at.world.events("agent.stalled");
  REQUIRE(stalled.size() == 1);
  CHECK(stalled[0]["data"]["turn"] == 1);
  CHECK(stalled[0]["data"]["atStall"] == "tell");
  CHECK(stalled[0]["data"]["silentMs"] >= 600'000);
  CHECK(at.world.agent().view()["stalled"]["turn"] == 1);
  at.world.pass(1h);
  CHECK(at.told("agent.stalled") == 1);
  CHECK(at.world.script.interrupted == 0);
  at.world.script.emit(adapters::Noted{"tool.started", {{"tool", "Bash"}}});
  at.world.until([&] { return at.told("agent.moving") == 1; }, "it is told to move");
  CHECK_FALSE(at.world.agent().view().contains("stalled"));
  at.world.pass(12min);
  CHECK(at.told("agent.stalled") == 2);  // another one
  at.world.script.emit(adapters::TurnEnded{});
  at.world.until_state("idle");
  CHECK(at.told("agent.moving") == 2);
  at.world.pass(1h);
  CHECK(at.told("agent.stalled") == 2);
}

TEST_CASE("WhatWorksDoesNotStandStill") {
  InATurn at;
  auto& now = at.world.script.activity;
  std::function<void()> work;
  SUBCASE("the network") {
    work = [&] { now.bytes[7] += 1; };
  }
  SUBCASE("a tool's processor time") {
    work = [&] { now.processes[200].started = now.at, now.processes[200].cpu += 1; };
  }
  SUBCASE("nobody can tell") {
    work = [&] { now.knows_network = false; };
  }
  SUBCASE("its provider speaks") {
    work = [&] { at.world.script.emit(adapters::Retrying{1, 10, "overloaded", "529"}); };
  }
  for (int minutes = 0; minutes < 60; minutes += 5) {
    work();
    at.world.pass(5min);
  }
  CHECK(at.told("agent.stalled") == 0);
}

TEST_CASE("WhoWaitsForAPersonDoesNotStandStill") {
  InATurn at;
  at.world.script.emit(adapters::WaitingForPerson{"a permission"});
  at.world.until_state("waiting");
  at.world.pass(2h);
  CHECK(at.told("agent.stalled") == 0);
}

TEST_CASE("AStalledTurnIsEndedWhereThatIsConfigured") {
  SUBCASE("interrupt") {
    InATurn at({{"options", {{"stall_s", 20}, {"at_stall", "interrupt"}}}});
    at.world.script.interrupt_ends_turn = true;
    at.world.until([&] { return at.told("agent.stalled") == 1; }, "it stands still");
    at.world.until_state("idle");
    CHECK(at.world.script.interrupted == 1);
    CHECK(at.told("agent.moving") == 1);
  }
  SUBCASE("restart") {
    InATurn at;
    at.world.config().stall_s = 20;
    at.world.config().at_stall = "restart";
    at.world.until([&] { return at.world.script.starts == 2; }, "it is started again");
    at.world.until_state("idle");
    CHECK(at.told("agent.stalled") == 1);
  }
}

TEST_CASE("ItIsToldTwiceATurnThatTheModelIsAskedAgain") {
  InATurn at;
  for (int attempt = 1; attempt <= 4; ++attempt)
    at.world.script.emit(adapters::Retrying{attempt, 10, "overloaded", "529"});
  at.world.until([&] { return at.told("provider.retrying") == 1; }, "the first is told");
  auto const shown = at.world.agent().view()["retrying"];
  CHECK(shown["attempt"] == 4);
  CHECK(shown["most"] == 10);
  CHECK(shown["kind"] == "overloaded");
  at.world.script.emit(adapters::Retrying{});
  at.world.until([&] { return !at.world.agent().view().contains("retrying"); }, "it has got through");
  CHECK(at.told("provider.retried") == 0);
  at.world.script.emit(adapters::TurnEnded{});
  at.world.until_state("idle");
  auto const over = at.world.events("provider.retried");
  REQUIRE(over.size() == 1);
  CHECK(over[0]["data"]["times"] == 4);
  CHECK(at.told("provider.retrying") == 1);
}

TEST_CASE("WhoWaitsForAnotherAgentDoesNotStandStill") {
  InATurn at;
  at.world.agent().waits_for_message(true);
  at.world.pass(1h);
  CHECK(at.told("agent.stalled") == 0);
  at.world.agent().waits_for_message(false);
  at.world.pass(12min);
  CHECK(at.told("agent.stalled") == 1);
}

TEST_CASE("AnEarlierTurnThatMayGoOnBlindsNobody") {
  InATurn at;
  adapters::ApprovalRequest request;
  request.kind = adapters::ApprovalRequest::Kind::continuation;
  request.key = "earlier";
  request.summary = "a turn was cut off";
  at.world.approvals().asked({"a"}, "", request, true);
  at.world.settle();
  at.world.pass(12min);
  CHECK(at.told("agent.stalled") == 1);
}
