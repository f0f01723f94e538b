// What turns have used, by a record that grows under the test's hand, over the deaths of daemons and processes.
#include "daemon/store/tables/turn_table.hpp"
#include "world.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::test;
using adapters::RecordedUsage;
using adapters::Usage;

namespace {

struct Metered {
  World world;
  std::int64_t turns = 0;

  explicit Metered(Usage before = {}) {
    world.script.transcript = "record";
    says({before, before, 0, false});
    world.spawn();
    world.settle();
  }
  void says(RecordedUsage usage) { world.script.usage.set(usage); }
  void begin_turn() {
    world.script.emit(adapters::TurnStarted{});
    world.until([&] { return world.agent().turn_runs(); }, "the turn runs");
    ++turns;
  }
  void end_turn() {
    world.script.emit(adapters::TurnEnded{});
    world.until([&] { return !world.agent().turn_runs(); }, "the turn is over");
  }
  void costs(double usd) {
    adapters::ContextUse use;
    use.cost_usd = usd;
    world.script.emit(use);
    world.settle();
  }
  json turn(std::int64_t number) {
    (void)world.ask(world.journal().committed());
    auto query = [number](Database& db) -> Result<std::string> {
      return TurnTable(db).page("a", number + 1, 1).at(0).second;
    };
    return json::parse(*world.ask(world.journal().read(std::move(query))));
  }
  json measured() {
    world.await(world.agent().usage_measured());
    return turn(turns).value("usage", json());
  }
  json session() { return world.agent().session(); }
};

RecordedUsage closed(Usage total, std::size_t turns) { return {total, total, turns, false}; }

}  // namespace

TEST_CASE("ATurnHasUsedWhatItsRecordHasGrownBy") {
  Metered m({1000, 1000, 0, 0});  // a conversation that somebody else began
  CHECK(m.session()["usage"].is_null());
  m.begin_turn();
  m.says(closed({1010, 1001, 7, 3}, 1));
  m.end_turn();
  json const used = {{"inputTokens", 10},
                     {"outputTokens", 1},
                     {"cacheReadTokens", 7},
                     {"cacheWriteTokens", 3},
                     {"source", "transcript"}};
  CHECK(m.measured() == used);
  CHECK(m.session()["usage"] == used);
  CHECK(m.session()["costUsd"].is_null());
  m.begin_turn();
  m.says(closed({1015, 1001, 7, 3}, 2));
  m.end_turn();
  CHECK(m.measured()["inputTokens"] == 5);
  CHECK(m.session()["usage"]["inputTokens"] == 15);
  auto const told = m.world.events("turn.usage");
  REQUIRE(told.size() == 2);
  CHECK(told[1]["data"]["turn"] == 2);
  CHECK(told[1]["data"]["usage"]["inputTokens"] == 5);
}

TEST_CASE("ARecordThatShowsTheEndLaterIsWaitedFor") {
  Metered m;
  m.begin_turn();
  m.says({{10, 1, 0, 0}, {}, 0, true});
  m.end_turn();
  m.world.step(100ms);
  CHECK_FALSE(m.turn(1).contains("usage"));
  SUBCASE("until it does, also where the next turn has begun") {
    m.says({{25, 3, 0, 0}, {20, 2, 0, 0}, 1, true});
    CHECK(m.measured()["inputTokens"] == 20);
    m.begin_turn();
    m.says(closed({30, 3, 0, 0}, 2));
    m.end_turn();
    CHECK(m.measured()["inputTokens"] == 10);
  }
  SUBCASE("for a while") {
    auto const begun = m.world.now();
    CHECK(m.measured()["inputTokens"] == 10);
    CHECK(m.world.now() - begun <= 2s);
  }
}

TEST_CASE("NothingIsCountedTwiceOverTheDeathOfTheDaemonInTheMiddleOfATurn") {
  Metered m;
  m.begin_turn();
  m.says(closed({10, 1, 0, 0}, 1));
  m.end_turn();
  CHECK(m.measured()["inputTokens"] == 10);
  m.world.script.turn_runs = true;
  m.world.script.gate.clear();
  m.world.send("a question");
  m.world.until([&] { return m.world.agent().turn_runs(); }, "the turn runs");
  m.world.script.gate = "a turn is running";
  ++m.turns;
  m.says({{30, 3, 0, 0}, {10, 1, 0, 0}, 1, true});
  m.world.crash();
  m.world.start();
  m.world.until([&] { return m.world.agent().turn_runs(); }, "it goes on");
  m.world.settle();
  CHECK(m.session()["usage"]["inputTokens"] == 10);
  m.says(closed({35, 4, 0, 0}, 2));
  m.world.script.turn_runs = false;
  m.end_turn();
  CHECK(m.measured()["inputTokens"] == 25);
  m.world.crash();
  m.world.start();
  m.world.settle();
  CHECK(m.session()["usage"]["inputTokens"] == 35);
  CHECK(m.session()["usage"]["outputTokens"] == 4);
  CHECK(m.turn(1)["usage"]["inputTokens"] == 10);
  CHECK(m.turn(2)["usage"]["inputTokens"] == 25);
}

TEST_CASE("ATurnWhoseEndTheDaemonSurvivedByLittleIsMeasuredByTheNext") {
  Metered m;
  m.begin_turn();
  m.says({{10, 1, 0, 0}, {}, 0, true});
  m.end_turn();
  m.world.crash();
  m.says(closed({20, 2, 0, 0}, 1));
  m.world.start();
  m.world.until([&] { return !m.session()["usage"].is_null(); }, "it has been measured");
  CHECK(m.session()["usage"]["inputTokens"] == 20);
  CHECK(m.turn(1)["usage"]["inputTokens"] == 20);
}

TEST_CASE("AProcessThatDiesInATurnLeavesWhatItHasUsedAndTheNextAddsToIt") {
  Metered m;
  m.begin_turn();
  m.says({{10, 1, 0, 0}, {}, 0, true});
  m.world.script.end(ExitStatus{0, 9, true});
  m.world.until([&] { return m.world.script.starts == 2 && m.world.state() == "idle"; }, "it is started again");
  m.world.until([&] { return !m.session()["usage"].is_null(); }, "it has been measured");
  CHECK(m.turn(1)["usage"]["inputTokens"] == 10);
  m.begin_turn();
  m.says(closed({15, 1, 0, 0}, 1));
  m.end_turn();
  CHECK(m.measured()["inputTokens"] == 5);
  CHECK(m.session()["usage"]["inputTokens"] == 15);
}

TEST_CASE("AnotherConversationIsCountedFromWhatItHolds") {
  Metered m;
  m.begin_turn();
  m.says({{10, 1, 0, 0}, {}, 0, true});
  m.end_turn();
  m.world.script.emit(adapters::SessionChanged{"other", "another record"});  // while the first is waited for
  m.world.settle();
  m.says(closed({12, 1, 0, 0}, 1));  // both say the same here
  CHECK(m.measured()["inputTokens"] == 12);
  m.begin_turn();
  m.says(closed({13, 1, 0, 0}, 2));
  m.end_turn();
  CHECK(m.measured()["inputTokens"] == 3);
  CHECK(m.session()["usage"]["inputTokens"] == 15);
}

TEST_CASE("TheCostOfATurnIsWhatItsProcessSaysAfterwards") {
  Metered m;
  m.costs(0.5);
  m.begin_turn();
  m.says(closed({10, 1, 0, 0}, 1));
  m.end_turn();
  m.world.step(100ms);
  CHECK(m.session()["costUsd"].get<double>() == 0);
  m.costs(0.75);
  CHECK(m.session()["costUsd"].get<double>() == doctest::Approx(0.25));
  CHECK(m.turn(1)["costUsd"].get<double>() == doctest::Approx(0.25));
  CHECK(m.turn(1)["usage"]["inputTokens"] == 10);
  m.begin_turn();
  m.costs(1.0);
  CHECK(m.session()["costUsd"].get<double>() == doctest::Approx(0.25));
  m.world.crash();
  m.world.start();
  m.world.settle();
  m.costs(1.0);
  CHECK(m.session()["costUsd"].get<double>() == doctest::Approx(0.25));  // it is the same turn, which still runs
  m.says(closed({12, 1, 0, 0}, 2));
  m.end_turn();
  CHECK(m.measured()["inputTokens"] == 2);
  CHECK(m.session()["costUsd"].get<double>() == doctest::Approx(0.5));
  m.costs(1.0);
  CHECK(m.session()["costUsd"].get<double>() == doctest::Approx(0.5));
}
