#include "daemon/store/event_log.hpp"

#include "daemon/store/tables/event_table.hpp"
#include "support/log_lines.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;

TEST_CASE("EventsAreNumberedWithoutGapsAlsoOverARestart") {
  test::TempDir temp;
  net::io_context io(1);
  for (int round = 0; round < 2; ++round) {
    auto journal = Journal::open(io.get_executor(), temp.path() / "j.db");
    REQUIRE(journal.has_value());
    EventLog log(io.get_executor(), **journal);
    test::run(io, [&]() -> awaitable<void> {
      auto loaded = co_await log.load();
      CHECK(loaded.has_value());
      CHECK(log.last() == round * 3);
      json const data = {{"turn", round}};
      log.append("a", "turn.started", data);
      log.append("b", "turn.started", data);
      log.append("a", "turn.ended", data);
      CHECK(log.last() == round * 3);  // not on the disk yet: not visible yet
      CHECK(co_await log.wait("", round * 3 + 2, Clock::now() + 5s));
      CHECK(log.last() == round * 3 + 3);
      auto all = co_await log.page("", 0, 100);
      REQUIRE(all.has_value());
      REQUIRE(static_cast<int>(all->size()) == round * 3 + 3);
      for (std::size_t i = 0; i < all->size(); ++i) CHECK((*all)[i].number == static_cast<std::int64_t>(i) + 1);
      auto of_a = co_await log.page("a", 1, 100);
      REQUIRE(of_a.has_value());
      CHECK(static_cast<int>(of_a->size()) == round * 2 + 1);
      CHECK((*of_a)[0].agent_number == 2);
      CHECK_FALSE(co_await log.wait("b", round + 1, Clock::now() + 10ms));
      co_await (*journal)->stop();
    });
  }
}

TEST_CASE("WhatIsInNoCatalogueIsAFault") {
  test::TempDir temp;
  test::LogLines const lines;
  net::io_context io(1);
  auto journal = Journal::open(io.get_executor(), temp.path() / "j.db");
  REQUIRE(journal.has_value());
  EventLog log(io.get_executor(), **journal);
  test::run(io, [&]() -> awaitable<void> {
    log.append("a", "agent.state", {{"state", "idle"}, {"before", "busy"}, {"reason", "it rests"}});
    log.append("a", "program.status", {{"whatever", 1}});
    CHECK(lines.text() == "");
    log.append("a", "agent.stat", {{"state", "idle"}});
    CHECK(lines.text().find("agent.stat is of no known type") != std::string::npos);
    log.append("a", "agent.state", {{"stat", "idle"}});
    CHECK(lines.text().find("agent.state has the unknown field stat") != std::string::npos);
    co_await (*journal)->stop();
  });
}

TEST_CASE("AnUnknownAgentHasNoEvents") {
  test::TempDir temp;
  net::io_context io(1);
  auto journal = Journal::open(io.get_executor(), temp.path() / "j.db");
  REQUIRE(journal.has_value());
  EventLog log(io.get_executor(), **journal);
  test::run(io, [&]() -> awaitable<void> {
    log.append("a", "agent.released");
    auto none = co_await log.page("b", 0, 10);
    REQUIRE(none.has_value());
    CHECK(none->empty());
    co_await (*journal)->stop();
  });
}

TEST_CASE("AnAgentsLogGoesOnAfterWhatItHasBroughtAndTheLogOfAllDoesNotTellOfThat") {
  test::TempDir temp;
  net::io_context io(1);
  for (int round = 0; round < 2; ++round) {
    auto journal = Journal::open(io.get_executor(), temp.path() / "j.db");
    REQUIRE(journal.has_value());
    EventLog log(io.get_executor(), **journal);
    test::run(io, [&]() -> awaitable<void> {
      REQUIRE((co_await log.load()).has_value());
      if (round == 0) {
        log.append("b", "agent.released");
        (*journal)->write([](Database& db) {
          for (int number = 5; number <= 7; ++number) EventTable(db).add_brought({0, number, "a", "{}"}, wall_now());
          EventTable(db).add_brought({0, 7, "a", "{\"again\":1}"}, wall_now());
        });
        REQUIRE((co_await (*journal)->committed()).has_value());
        log.go_on("a", 7);
        log.go_on("b", 100);  // it is known
        log.append("a", "agent.released");
        log.append("b", "agent.released");
        REQUIRE((co_await (*journal)->committed()).has_value());
      }
      CHECK(log.last("a") == 8);
      CHECK(log.last("b") == 2);
      auto const own = co_await log.page("a", 0, 10);
      REQUIRE(own.has_value());
      REQUIRE(own->size() == 4);
      for (std::size_t i = 0; i < 4; ++i) CHECK((*own)[i].agent_number == static_cast<std::int64_t>(i) + 5);
      CHECK((*own)[2].json_text == "{}");
      auto const all = co_await log.page("", 0, 10);
      REQUIRE(all.has_value());
      CHECK(all->size() == 3);
      co_await (*journal)->stop();
    });
  }
}

TEST_CASE("EachEventFollowsFromTheOneBeforeIt") {
  test::TempDir temp;
  net::io_context io(1);
  auto journal = Journal::open(io.get_executor(), temp.path() / "j.db");
  REQUIRE(journal.has_value());
  EventLog log(io.get_executor(), **journal);
  auto const change = [&](std::string sql) {
    (*journal)->write([sql = std::move(sql)](Database& db) { db.execute(sql); });
  };
  test::run(io, [&]() -> awaitable<void> {
    auto const loaded = co_await log.load();
    CHECK(loaded.has_value());
    for (int i = 0; i < 1500; ++i) log.append(i % 3 == 0 ? "a" : "", "turn.started", {{"turn", i}});
    CHECK(co_await log.wait("", 1499, Clock::now() + 5s));
    auto found = co_await log.check_chain();
    REQUIRE(found.has_value());
    CHECK(found->first == 1);
    CHECK(found->last == 1500);
    CHECK(found->checked == 1500);
    CHECK(found->broken == 0);
    CHECK(found->head.size() == 64);
    // What was pruned is no break.
    change("DELETE FROM events WHERE number < 10 AND number <> 4");
    found = co_await log.check_chain();
    REQUIRE(found.has_value());
    CHECK(found->checked == 1490);
    CHECK(found->unchained == 2);
    CHECK(found->broken == 0);
    // What was changed, taken out or put in is.
    change("UPDATE events SET text = replace(text, '\"turn\":699', '\"turn\":7') WHERE number = 700");
    found = co_await log.check_chain();
    REQUIRE(found.has_value());
    CHECK(found->broken == 700);
    co_await (*journal)->stop();
  });
}
