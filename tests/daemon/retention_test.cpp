// What is old, or too much, goes while the daemon runs; what is not over stays, and no message comes twice.
#include "daemon/store/retention.hpp"

#include "daemon/store/tables/agent_table.hpp"
#include "daemon/store/tables/kept_answer_table.hpp"
#include "world.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace ar;
using namespace ar::test;

namespace {

/// A journal with an agent "a", on a frozen clock.
struct Book {
  Book() {
    journal = *Journal::open(io.get_executor(), temp.path() / "j.db");
    execute("INSERT INTO agents(id, spec, state, record) VALUES('a', '{}', 'idle', '{}')");
  }
  ~Book() {
    run([this]() -> awaitable<void> { co_await journal->stop(); });
  }
  template <class Make>
  void run(Make make) {
    test::run(io, std::move(make));
  }
  void execute(std::string sql) {
    run([this, sql = std::move(sql)]() -> awaitable<void> {
      journal->write([sql](Database& db) { db.execute(sql); });
      auto const done = co_await journal->committed();
      REQUIRE_MESSAGE(done.has_value(), done.error().message);
    });
  }
  /// The first column of all rows, with commas.
  std::string ask(char const* sql) {
    std::string answer;
    run([&]() -> awaitable<void> {
      auto query = [sql](Database& db) -> Result<std::string> {
        std::string found;
        auto& rows = db.prepare(sql).bind();
        while (rows.step()) found += (found.empty() ? "" : ",") + rows.text(0);
        return found;
      };
      auto const found = co_await journal->read(std::move(query));
      REQUIRE_MESSAGE(found.has_value(), found.error().message);
      answer = *found;
    });
    return answer;
  }
  void prune(RetentionLimits limits = {}) {
    run([&]() -> awaitable<void> {
      Retention retention(io.get_executor(), *journal, files, folder(), limits);
      auto const done = co_await retention.prune();
      REQUIRE_MESSAGE(done.has_value(), done.error().message);
    });
  }
  void append(std::string agent) {
    run([&]() -> awaitable<void> {
      EventLog log(io.get_executor(), *journal);
      REQUIRE((co_await log.load()).has_value());
      log.append(agent, "agent.released");
      REQUIRE((co_await journal->committed()).has_value());
    });
  }
  void add_turn(int number, bool ended = true) {
    json turn = {{"number", number}, {"startedAt", to_iso8601(wall_now())}, {"finalText", "a text"}};
    if (ended) turn["endedAt"] = to_iso8601(wall_now());
    execute("INSERT INTO turns(agent, number, record) VALUES('a', " + std::to_string(number) + ", '" + to_text(turn) +
            "')");
  }
  void add_delivery(int message, bool open = false) {
    Delivery d;
    d.message = message;
    d.state = open ? DeliveryState::running : DeliveryState::done;
    d.correlation_id = "abc";
    d.reason = "a final text";
    d.step("done");
    execute("INSERT INTO deliveries(agent, message, state, correlation_id, record, open) VALUES('a', " +
            std::to_string(message) + ", '" + std::string(to_string(d.state)) + "', 'abc', '" + to_text(to_journal(d)) +
            "', " + (open ? "1" : "0") + ")");
  }
  void add_approval(int id, std::string const& status) {
    execute("INSERT INTO approvals(id, agent, status, created_at, record) VALUES(" + std::to_string(id) + ", 'a', '" +
            status + "', " + std::to_string(to_millis(wall_now())) + ", '{}')");
  }

  Retention::Folder folder() {
    return [this](std::string const& agent) { return temp.path() / agent; };
  }
  /// A file of agent a's messages, written two days ago.
  void add_file(std::string const& name, std::chrono::hours age = std::chrono::hours(48)) {
    auto const file = temp.path() / "a" / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << "a body";
    std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - age);
  }
  std::vector<std::string> files_left() {
    std::vector<std::string> names;
    for (auto const& entry : std::filesystem::directory_iterator(temp.path() / "a"))
      names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
  }

  ManualClock clock;
  test::TempDir temp;
  Worker files;
  net::io_context io{1};
  std::unique_ptr<Journal> journal;
};

constexpr std::chrono::days kLong{31};

}  // namespace

TEST_CASE("OldEventsGoAndTheNumbersGoOn") {
  Book book;
  book.execute("INSERT INTO agents(id, spec, state, record) VALUES('b', '{}', 'idle', '{}')");
  for (auto const* agent : {"a", "a", "b", ""}) book.append(agent);
  book.clock.advance(kLong);
  book.append("a");
  book.append("");
  book.prune();
  CHECK(book.ask("SELECT number FROM events ORDER BY number") == "3,5,6");  // 3 is b's newest
  book.append("b");
  CHECK(book.ask("SELECT agent_number FROM events WHERE number = 7") == "2");
  book.clock.advance(kLong);
  book.prune();
  CHECK(book.ask("SELECT number FROM events ORDER BY number") == "5,7");
}

TEST_CASE("OfAnAgentThatIsNoMoreNoEventStays") {
  Book book;
  for (auto const* agent : {"a", "b", "b", ""}) book.append(agent);
  book.clock.advance(kLong);
  book.append("");
  book.prune();
  CHECK(book.ask("SELECT number FROM events ORDER BY number") == "1,5");
  book.append("b");  // another one of that name
  CHECK(book.ask("SELECT agent_number FROM events WHERE number = 6") == "1");
}

TEST_CASE("OfTooManyEventsTheOldestGo") {
  Book book;
  book.execute(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
      "INSERT INTO events(number, agent, agent_number, at, text) SELECT i, '', 0, " +
      std::to_string(to_millis(wall_now())) + ", '{}' FROM n");
  RetentionLimits limits;
  limits.most_events = 10;
  book.prune(limits);
  CHECK(book.ask("SELECT number FROM events ORDER BY number") == "991,992,993,994,995,996,997,998,999,1000");
}

TEST_CASE("AnswersToRequestsWithAKeyAreKeptForADayAfterWhatTheyMadeIsGone") {
  Book book;
  auto const change = [&](std::function<void(Database&)> what) {
    book.run([&]() -> awaitable<void> {
      book.journal->write(std::move(what));
      REQUIRE((co_await book.journal->committed()).has_value());
    });
  };
  auto const keys = [&] { return book.ask("SELECT key FROM kept_answers ORDER BY key"); };
  auto const now = wall_now();
  change([now](Database& db) {
    KeptAnswerTable answers(db);
    answers.put("operator", "agent", {"h", "/v1/agents/a", "{}"}, now);
    answers.put("operator", "verb", {"h", "", "{}"}, now);
    for (int i = 0; i < 500; ++i) answers.put("agent a", "v" + std::to_string(i), {"h", "", "{}"}, now);
  });
  book.clock.advance(23h);
  book.prune();
  CHECK(keys().find("verb") != std::string::npos);
  book.clock.advance(2h);
  book.prune();
  CHECK(keys() == "agent");
  change([](Database& db) { AgentTable(db).erase("a"); });
  book.clock.advance(23h);
  book.prune();
  CHECK(keys() == "agent");
  book.clock.advance(2h);
  book.prune();
  CHECK(keys().empty());
}

TEST_CASE("OldTurnsGoButForTheNewest") {
  Book book;
  book.add_turn(1);
  book.add_turn(2, false);  // whose daemon was killed
  book.add_turn(3);
  book.clock.advance(kLong);
  SUBCASE("when others have followed") {
    book.add_turn(4);
    book.add_turn(5, false);
    book.prune();
    CHECK(book.ask("SELECT number FROM turns ORDER BY number") == "4,5");
  }
  SUBCASE("which stays") {
    book.prune();
    CHECK(book.ask("SELECT number FROM turns ORDER BY number") == "3");
  }
}

TEST_CASE("OfAnOldDeliveryItsNumberAndItsEndStay") {
  Book book;
  book.add_delivery(1);
  book.add_delivery(2, true);
  book.clock.advance(kLong);
  book.add_delivery(3);
  book.prune();
  CHECK(book.ask("SELECT message FROM deliveries WHERE record LIKE '%a final text%' ORDER BY message") == "2,3");
  CHECK(book.ask("SELECT message FROM deliveries ORDER BY message") == "1,2,3");
  auto const left = delivery_from_journal(json::parse(book.ask("SELECT record FROM deliveries WHERE message = 1")));
  CHECK(left.message == 1);
  CHECK(left.state == DeliveryState::done);
  CHECK(left.is_settled());
}

TEST_CASE("OfTooMuchHistoryTheOldestGoes") {
  Book book;
  for (int i = 1; i <= 5; ++i) {
    book.add_turn(i);
    book.add_delivery(i, i == 1);
  }
  RetentionLimits limits;
  limits.most_history = 2;
  book.prune(limits);
  CHECK(book.ask("SELECT number FROM turns ORDER BY number") == "4,5");
  CHECK(book.ask("SELECT message FROM deliveries WHERE record LIKE '%a final text%' ORDER BY message") == "1,4,5");
}

TEST_CASE("TheFilesOfAMessageGoWithItsRecord") {
  Book book;
  book.add_delivery(1);
  book.add_delivery(2, true);
  book.add_turn(1, false);
  book.execute("UPDATE turns SET record = '{\"messages\":[4],\"status\":\"running\"}'");
  book.clock.advance(kLong);
  book.add_delivery(3);
  for (auto const* name : {"message-1.txt", "1-1-photo.png", "message-2.txt", "2-1-photo.png", "message-3.txt",
                           "message-4.txt", "message--1.txt", "99-1-left behind by an earlier daemon", "somebody's",
                           "message-1-0a1b2c3d.txt", "1-0a1b2c3d-1-photo.png", "message-2-0a1b2c3d.txt"})
    book.add_file(name);
  book.add_file("7-1-being fetched", std::chrono::hours(1));
  book.prune();
  CHECK(book.files_left() == std::vector<std::string>{"2-1-photo.png", "7-1-being fetched", "message-2-0a1b2c3d.txt",
                                                      "message-2.txt", "message-3.txt", "message-4.txt", "somebody's"});
}

TEST_CASE("ManyFilesGoAtOnceAndAFolderThatIsNotThereIsFine") {
  Book book;
  book.prune();
  for (int i = 1; i <= 2100; ++i) book.add_file(std::to_string(i) + "-1-a");
  book.prune();
  CHECK(book.files_left().empty());
}

TEST_CASE("OldDecidedApprovalsGoAndPendingOnesStay") {
  Book book;
  book.add_approval(1, "denied");
  book.add_approval(2, "pending");
  book.add_approval(3, "approved");
  book.clock.advance(kLong);
  book.add_approval(1000, "denied");
  book.prune();
  CHECK(book.ask("SELECT id FROM approvals ORDER BY id") == "2,1000");
}

TEST_CASE("ItIsDoneAMinuteAfterTheStartAndThenEveryHour") {
  Book book;
  Retention retention(book.io.get_executor(), *book.journal, book.files, book.folder(), {}, [] { return 0.5; });
  retention.start({});
  auto const pass = [&](Clock::duration time) {
    test::advance(book.io, book.clock, time);
    return book.ask("SELECT number FROM events ORDER BY number");
  };
  book.append("");
  book.append("");
  // A minute for each look, since the pause begins only when all is done.
  auto const until = [&](std::string const& wanted) {
    auto const deadline = std::chrono::steady_clock::now() + kPatience * 20s;
    auto seen = pass(0s);
    while (seen != wanted && std::chrono::steady_clock::now() < deadline) seen = pass(1min);
    CHECK(seen == wanted);
  };
  CHECK(pass(59s) == "1,2");
  book.clock.advance(kLong);
  until("2");
  book.append("");
  book.clock.advance(kLong);
  until("3");
  book.run([&]() -> awaitable<void> { co_await retention.stop(); });
}

TEST_CASE("AMessageThatWasRefusedIsNotTakenUpAgainWhenItsDeliveryIsForgotten") {
  World world;
  world.script.outcome = adapters::SubmitOutcome::refused;
  world.script.gate.clear();
  world.spawn();
  world.send("what it does not take");  // and so it stays unread
  world.until([&] { return world.script.handed == 1 && world.agent().queue().open().empty(); }, "it is refused");
  RetentionLimits limits;
  limits.most_history = 0;
  Worker files;
  test::TempDir none;
  Retention retention(world.executor(), world.journal(), files, [&](auto const&) { return none.path(); }, limits);
  REQUIRE(world.await(retention.prune()).has_value());
  world.crash();
  world.start();
  world.until_state("idle");
  world.pass(2min);
  CHECK(world.script.handed == 1);
  CHECK(world.agent().queue().open().empty());
}
