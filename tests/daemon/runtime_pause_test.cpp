// The runtime's pause: nothing is handed over, turns have their grace, and it outlives the daemon.
#include "daemon/store/tables/fact_table.hpp"
#include "delivery_world.hpp"
#include "support/log_lines.hpp"
#include "world.hpp"

#include <atomic>

using namespace ar;
using namespace ar::test;

namespace {

/// One agent that takes what it is given, and keeps at it until it is told to end.
struct Paused {
  Paused() {
    world.script.gate = "";
    world.spawn();
  }
  void start_turn() {
    world.send("work");
    until_turn_runs();
  }
  void until_turn_runs() {
    world.until([&] { return world.agent().turn_runs(); }, "a turn runs");
    world.script.gate = "a turn is running";
  }
  void end_turn() {
    world.script.gate = "";
    world.script.emit(adapters::TurnEnded{});
    world.until([&] { return !world.agent().turn_runs(); }, "the turn has ended");
  }
  std::string begin(Clock::duration grace = 30s, bool force = false, std::string reason = "") {
    auto const begun =
        world.await(world.pause().begin(std::chrono::duration_cast<milliseconds>(grace), force, std::move(reason)));
    if (!begun) return begun.error().code;
    answer = nullptr;
    auto wait = [](Paused* self, std::int64_t pause) -> awaitable<void> {
      auto over = co_await self->world.pause().wait_until_over(pause);
      self->answer = std::move(over);
    };
    world.begin(wait(this, *begun));
    return "begun";
  }
  std::string resume() {
    auto const resumed = world.await(world.pause().resume());
    return resumed ? "resumed" : resumed.error().code;
  }
  void until_over() {
    world.until([&] { return !answer.is_null(); }, "the pause has answered");
  }
  json shown() { return world.pause().shown(); }
  std::string state() { return shown()["state"]; }
  std::string outcome() {
    auto const runs = shown()["pausedRuns"];
    REQUIRE(runs.size() == 1);
    CHECK(runs[0]["agent"] == "a");
    return runs[0]["outcome"];
  }
  std::vector<std::int64_t> submitted() {
    std::vector<std::int64_t> order;
    for (auto const& event : world.events("message.submitted")) order.push_back(event["data"]["message"]);
    return order;
  }

  World world;
  json answer{};  ///< of the newest pause; null: it waits
};

json const kNobody = json::array();
json const kA = json::array({"a"});

}  // namespace

TEST_CASE("NothingIsHandedOverDuringAPauseAndAllInOrderAfterwards") {
  Paused at;
  CHECK(at.begin(30s, false, "a reboot") == "begun");
  at.until_over();
  CHECK(at.answer["state"] == "paused");
  CHECK(at.answer["parked"] == kA);
  CHECK(at.answer["running"] == kNobody);
  at.world.send("one");
  at.world.send("two");
  REQUIRE(at.world.act("inject", {{"content", "a note"}}).has_value());
  at.world.pass(1min);
  CHECK(at.world.script.handed == 0);
  CHECK(at.world.agent().view()["held"].get<std::string>().starts_with("the runtime is paused (a reboot)"));
  CHECK(at.world.events("message.held").empty());
  CHECK(at.resume() == "resumed");
  at.world.until([&] { return at.world.script.handed == 3; }, "all are handed over");
  auto const order = at.submitted();
  REQUIRE(order.size() == 3);
  CHECK(order[0] < 0);
  CHECK(order[1] < order[2]);
}

TEST_CASE("AnAgentSpawnedDuringAPauseStartsAndItsPromptWaits") {
  World world;
  world.script.gate = "";
  REQUIRE(world.await(world.pause().begin(30s, false, "")).has_value());
  world.spawn({{"prompt", "go"}});
  world.pass(1min);
  CHECK(world.script.handed == 0);
  REQUIRE(world.await(world.pause().resume()).has_value());
  world.until([&] { return world.script.handed == 1; }, "its prompt is handed over");
}

TEST_CASE("AMessageWakesASuspendedAgentOnlyOnceTheRuntimeGoesOn") {
  Paused at;
  REQUIRE(at.world.act("suspend").has_value());
  CHECK(at.begin() == "begun");
  at.world.send("wake up");
  at.world.pass(1min);
  CHECK(at.world.state() == "suspended");
  at.world.crash();
  at.world.start();
  at.world.pass(1min);
  CHECK(at.world.state() == "suspended");
  CHECK(at.resume() == "resumed");
  at.world.until([&] { return at.world.script.handed == 1; }, "it is woken");
}

TEST_CASE("APauseIsOverWhenTheLastTurnHasEnded") {
  Paused at;
  at.start_turn();
  CHECK(at.begin(30s) == "begun");
  at.world.pass(10s);
  CHECK(at.state() == "pausing");
  CHECK(at.outcome() == "running");
  CHECK(at.begin() == "already_pausing");
  at.world.send("not into this turn, nor after it");
  at.end_turn();
  at.until_over();
  CHECK(at.answer["running"] == kNobody);
  CHECK(at.answer["ms"] >= 10'000);
  CHECK(at.answer["ms"] < 30'000);
  CHECK(at.outcome() == "finished");
  CHECK(at.begin() == "already_paused");
  at.world.pass(1min);
  CHECK(at.world.script.handed == 1);
}

TEST_CASE("WhatStillRunsAfterTheGraceGoesOnAndIsNamed") {
  Paused at;
  at.start_turn();
  CHECK(at.begin(30s) == "begun");
  at.until_over();
  CHECK(at.answer["state"] == "paused");
  CHECK(at.answer["running"] == kA);
  CHECK(at.answer["parked"] == kNobody);
  CHECK(at.world.script.interrupted == 0);
  CHECK(at.outcome() == "running");
  at.end_turn();
  CHECK(at.outcome() == "finished");
}

TEST_CASE("ForceInterruptsWhatStillRunsAfterTheGraceAndNotBefore") {
  Paused at;
  at.world.script.interrupt_ends_turn = true;
  at.start_turn();
  CHECK(at.begin(30s, true) == "begun");
  at.world.pass(29s);
  CHECK(at.world.script.interrupted == 0);
  at.until_over();
  CHECK(at.world.script.interrupted == 1);
  CHECK(at.answer["running"] == kNobody);
  CHECK(at.outcome() == "interrupted");
}

TEST_CASE("ATurnThatNoInterruptionEndsIsInterruptedOnceAndNamed") {
  for (bool const refused : {false, true}) {
    LogLines const log;
    Paused at;
    if (refused) at.world.script.interrupt_fails = conflict("deaf", "it does not listen");
    at.start_turn();
    CHECK(at.begin(1s, true) == "begun");
    at.until_over();
    CHECK(at.world.script.interrupted == 1);
    CHECK(at.answer["running"] == kA);
    CHECK(at.answer["ms"] < 15'000);
    CHECK(at.outcome() == "running");
    at.end_turn();
    CHECK(at.outcome() == (refused ? "finished" : "interrupted"));
  }
}

TEST_CASE("ResumingDuringTheGraceEndsThePauseAndItsInterruptions") {
  Paused at;
  at.start_turn();
  CHECK(at.resume() == "not_paused");
  CHECK(at.begin(30s, true) == "begun");
  at.world.pass(10s);
  CHECK(at.resume() == "resumed");
  at.until_over();
  CHECK(at.answer["state"] == "running");
  CHECK(at.shown()["pausedRuns"] == kNobody);
  // The next one has a grace of its own.
  CHECK(at.begin(60s) == "begun");
  at.world.pass(50s);
  CHECK(at.state() == "pausing");
  at.until_over();
  CHECK(at.answer["state"] == "paused");
  CHECK(at.world.script.interrupted == 0);
  CHECK(at.resume() == "resumed");
  at.end_turn();
  at.world.send("more");
  at.world.until([&] { return at.world.script.handed == 2; }, "it is given work");
}

TEST_CASE("ADaemonThatEndsWhilePausingComesBackPaused") {
  Paused at;
  at.start_turn();
  REQUIRE(at.world.await(at.world.pause().begin(5min, false, "a reboot")).has_value());
  CHECK(at.state() == "pausing");
  auto const since = at.shown()["since"];
  at.world.crash();
  at.world.start();
  at.world.until([&] { return at.world.agent().turn_runs(); }, "its process is taken over");
  CHECK(at.state() == "paused");
  CHECK(at.outcome() == "running");
  CHECK(at.shown()["since"] == since);
  CHECK(at.shown()["reason"] == "a reboot");
  CHECK(at.shown()["pausedRuns"][0]["turn"] == 1);
  at.end_turn();
  CHECK(at.outcome() == "finished");
  at.world.send("wait");
  at.world.pass(1min);
  CHECK(at.world.script.handed == 1);
  CHECK(at.begin() == "already_paused");
  CHECK(at.resume() == "resumed");
  at.world.until([&] { return at.world.script.handed == 2; }, "it is given work");
  at.world.crash();
  at.world.start();
  CHECK(at.state() == "running");
}

TEST_CASE("WorkForAnybodyIsLeftToOthersDuringAPause") {
  Paused at;
  CHECK(at.begin() == "begun");
  at.world.send("for anybody", true);
  at.world.pass(1min);
  CHECK(at.world.bus->calls["claim"] == 0);
  CHECK(at.world.await(at.world.bus->claim(1, "other")).has_value());
}

TEST_CASE("WorkThatWasClaimedAsThePauseCameGoesBackUntouched") {
  using delivery::World;
  auto story = [](World& w) -> awaitable<void> {
    auto const executor = co_await net::this_coro::executor;
    w.faulty->on_call = [&, executor](std::string const& call) {
      if (call == "claim") net::co_spawn(executor, w.runtime().pause(""), [](std::exception_ptr, auto const&) {});
    };
    auto const id = co_await w.send([](NewMessage& m) { m.claimable = true; });
    CHECK(co_await w.until([&] { return w.faulty->calls["release"] == 1; }));
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::queued; }));
    CHECK(w.session.handed.empty());
    CHECK((co_await w.bus->claim(id, "other")).has_value());
  };
  delivery::with_world(story);
}

TEST_CASE("WhatIsInHandAsThePauseComesIsProvedAndWaitedFor") {
  Paused at;
  at.world.script.submit_takes = 10s;
  at.world.send("work");
  at.world.until([&] { return at.world.script.handed == 1; }, "it is being handed over");
  CHECK_FALSE(at.world.agent().turn_runs());
  CHECK(at.begin(1min) == "begun");
  CHECK(at.state() == "pausing");
  at.until_turn_runs();
  at.world.settle();
  CHECK(at.state() == "pausing");
  CHECK(at.outcome() == "running");
  at.end_turn();
  at.until_over();
  CHECK(at.outcome() == "finished");
}

TEST_CASE("APauseThatTheDiskDoesNotTakeIsNoneAndSoIsAResumption") {
  test::TempDir temp;
  net::io_context io(1);
  auto const journal = *Journal::open(io.get_executor(), temp.path() / "j.db");
  std::atomic<bool> full = true;
  auto const fill = [&] {
    full = true;
    journal->write([&full](Database&) {
      if (full) throw SqliteError(unavailable("disk_full", "the disk is full"));
    });
  };
  /// What the next daemon would find.
  auto const found = [&]() -> awaitable<RuntimeState::Phase> {
    RuntimeState next(io.get_executor(), *journal);
    auto const loaded = co_await next.load();
    CHECK(loaded.has_value());
    co_return next.phase();
  };
  test::run(io, [&]() -> awaitable<void> {
    RuntimeState state(io.get_executor(), *journal);
    fill();
    auto const paused = co_await state.pause("");
    REQUIRE_FALSE(paused.has_value());
    CHECK(paused.error().code == "disk_full");
    CHECK_FALSE(state.is_paused());
    full = false;
    while (!(co_await journal->committed())) co_await sleep_for(20ms);
    CHECK(co_await found() == RuntimeState::Phase::running);

    CHECK((co_await state.pause("")).has_value());
    fill();
    CHECK_FALSE((co_await state.resume()).has_value());
    CHECK(state.is_paused());
    full = false;
    while (!(co_await journal->committed())) co_await sleep_for(20ms);
    CHECK(co_await found() == RuntimeState::Phase::paused);
    CHECK((co_await state.resume()).has_value());
    CHECK(co_await found() == RuntimeState::Phase::running);
    co_await journal->stop();
  });
}

TEST_CASE("ADamagedRecordOfAPauseIsAPauseAllTheSame") {
  LogLines const log;
  Paused at;
  at.world.journal().write([](Database& db) { FactTable(db).put(FactTable::kPause, "{\"since\":"); });
  at.world.crash();
  at.world.start();
  CHECK(at.state() == "paused");
  CHECK(log.count("the runtime's pause") == 1);
  CHECK(at.resume() == "resumed");
}
