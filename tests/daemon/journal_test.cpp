#include "daemon/store/journal.hpp"

#include "support/log_lines.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <optional>

using namespace ar;
using namespace ar::daemon;

namespace {

awaitable<void> execute(Journal& journal, std::string sql) {
  auto job = [sql = std::move(sql)](Database& db) -> Result<void> {
    db.execute(sql);
    return {};
  };
  auto const done = co_await journal.run(std::move(job));
  REQUIRE_MESSAGE(done.has_value(), done.error().message);
}

void note(Journal& journal, char const* name, std::function<void()> after = {}) {
  journal.write([name](Database& db) { db.prepare("INSERT INTO facts(name, value) VALUES(?1, 'x')").bind(name).run(); },
                std::move(after));
}

awaitable<std::int64_t> notes(Journal& journal) {
  auto count = [](Database& db) -> Result<std::int64_t> {
    auto& row = db.prepare("SELECT count(*) FROM facts").bind();
    row.step();
    auto const found = row.integer(0);
    row.reset();
    return found;
  };
  auto const found = co_await journal.read(std::move(count));
  REQUIRE(found.has_value());
  co_return *found;
}

}  // namespace

TEST_CASE("AJournalThatCannotWriteKeepsItsChangesAndSaysThatTheyAreNotSafe") {
  test::TempDir temp;
  net::io_context io(1);
  auto const journal = *Journal::open(io.get_executor(), temp.path() / "j.db");
  test::run(io, [&]() -> awaitable<void> {
    co_await execute(*journal, "PRAGMA query_only = ON");  // as a file that has become read-only
    note(*journal, "first");
    note(*journal, "second");
    auto const refused = co_await journal->committed();
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == "database_closed");
    CHECK(co_await notes(*journal) == 0);
    co_await execute(*journal, "PRAGMA query_only = OFF");
    for (auto const end = Clock::now() + std::chrono::seconds(20); Clock::now() < end;) {
      auto const safe = co_await journal->committed();
      if (safe) break;
      co_await sleep_for(milliseconds(20));
    }
    CHECK(co_await notes(*journal) == 2);
    co_await journal->stop();
  });
}

TEST_CASE("AChangeThatIsWrongIsDroppedAloneAndWhoWaitsForItIsTold") {
  test::LogLines const log;  // a wrong change is a bug, and is logged as one
  test::TempDir temp;
  net::io_context io(1);
  auto const journal = *Journal::open(io.get_executor(), temp.path() / "j.db");
  test::run(io, [&]() -> awaitable<void> {
    std::string followed;
    note(*journal, "first", [&] { followed += "1"; });
    note(*journal, "first", [&] { followed += "x"; });  // against the primary key
    note(*journal, "second", [&] { followed += "2"; });
    auto const refused = co_await journal->committed();
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == "database_error");
    CHECK(followed == "12");
    CHECK(co_await notes(*journal) == 2);
    CHECK((co_await journal->committed()).has_value());  // who waits for nothing of it
    note(*journal, "third");
    CHECK((co_await journal->committed()).has_value());
    co_await journal->stop();
  });
}

TEST_CASE("ADiskThatFillsUpBetweenTheChangesOfABrokenBatchHasNoneMadeTwice") {
  test::LogLines const log;  // a wrong change is a bug, and is logged as one
  test::TempDir temp;
  net::io_context io(1);
  auto const journal = *Journal::open(io.get_executor(), temp.path() / "j.db");
  test::run(io, [&]() -> awaitable<void> {
    std::string followed;
    note(*journal, "first", [&] { followed += "1"; });
    note(*journal, "first");
    bool full = true;
    journal->write(
        [&full](Database& db) {
          if (std::exchange(full, false)) throw SqliteError(unavailable("disk_full", "the disk is full"));
          db.prepare("INSERT INTO facts(name, value) VALUES('second', 'x')").bind().run();
        },
        [&] { followed += "2"; });
    for (auto const end = Clock::now() + std::chrono::seconds(20); followed.size() < 2 && Clock::now() < end;)
      co_await sleep_for(milliseconds(20));
    CHECK(followed == "12");
    CHECK(co_await notes(*journal) == 2);
    co_await journal->stop();
  });
}

TEST_CASE("WhoAsksWhenThereIsSpaceAgainIsToldSo") {
  test::TempDir temp;
  net::io_context io(1);
  auto const journal = *Journal::open(io.get_executor(), temp.path() / "j.db");
  test::run(io, [&]() -> awaitable<void> {
    std::atomic<bool> full = true;
    journal->write([&full](Database& db) {
      if (full) throw SqliteError(unavailable("disk_full", "the disk is full"));
      db.prepare("INSERT INTO facts(name, value) VALUES('first', 'x')").bind().run();
    });
    for (int i = 0; i < 3; ++i) {
      auto const refused = co_await journal->committed();
      REQUIRE_FALSE(refused.has_value());
      CHECK(refused.error().code == "disk_full");
    }
    full = false;
    CHECK((co_await journal->committed()).has_value());  // at once, not when it would try again by itself
    CHECK(co_await notes(*journal) == 1);
    co_await journal->stop();
  });
}

TEST_CASE("ALongReadingHoldsUpNoCommit") {
  test::TempDir temp;
  net::io_context io(1);
  auto const journal = *Journal::open(io.get_executor(), temp.path() / "j.db");
  test::run(io, [&]() -> awaitable<void> {
    std::promise<void> may_end;
    std::optional<std::int64_t> seen;
    TaskGroup tasks(io.get_executor(), "test");
    auto long_one = [&]() -> awaitable<void> {
      auto query = [&](Database& db) -> Result<std::int64_t> {
        may_end.get_future().wait();
        auto& row = db.prepare("SELECT count(*) FROM facts").bind();
        row.step();
        auto const found = row.integer(0);
        row.reset();
        return found;
      };
      seen = *(co_await journal->read(std::move(query)));
    };
    tasks.spawn("reading", long_one());
    note(*journal, "first");
    CHECK((co_await journal->committed()).has_value());
    CHECK_FALSE(seen.has_value());
    may_end.set_value();
    co_await tasks.join();
    CHECK(seen == 1);
    co_await journal->stop();
  });
}

TEST_CASE("AReadingCannotWrite") {
  test::TempDir temp;
  net::io_context io(1);
  auto const journal = *Journal::open(io.get_executor(), temp.path() / "j.db");
  test::run(io, [&]() -> awaitable<void> {
    auto job = [](Database& db) -> Result<void> {
      db.execute("DELETE FROM facts");
      return {};
    };
    CHECK_FALSE((co_await journal->read(std::move(job))).has_value());
    CHECK((co_await journal->run(std::move(job))).has_value());
    co_await journal->stop();
  });
}

TEST_CASE("AReadingThatStopsInTheMiddleOfItsRowsHidesNothingFromTheNext") {
  test::TempDir temp;
  net::io_context io(1);
  auto const journal = *Journal::open(io.get_executor(), temp.path() / "j.db");
  test::run(io, [&]() -> awaitable<void> {
    note(*journal, "first");
    note(*journal, "second");
    auto first = [](Database& db) -> Result<std::string> {
      auto& rows = db.prepare("SELECT name FROM facts ORDER BY name").bind();
      return rows.step() ? rows.text(0) : std::string();
    };
    CHECK(*(co_await journal->read(std::move(first))) == "first");
    note(*journal, "third");
    CHECK(co_await notes(*journal) == 3);
    co_await journal->stop();
  });
}
