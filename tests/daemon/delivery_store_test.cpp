// A bus that has another store: its messages are others, whatever their numbers. Nothing of the one before is taken for
// the answer, nothing is told to the one that is there now, and what was open ends once.
#include "daemon/store/schema.hpp"
#include "delivery_world.hpp"

#include <filesystem>

using namespace ar;
using namespace ar::test::delivery;
namespace fs = std::filesystem;

namespace {

void asks(NewMessage& m) { m.payload["replyRequested"] = true; }

std::unique_ptr<relay::EmbeddedBus> another_bus(net::io_context& io, fs::path const& dir) {
  return *relay::EmbeddedBus::open(io.get_executor(), dir / "another" / "relay.db", {});
}

awaitable<MessageId> send_to(relay::Bus& bus, std::string body) {
  NewMessage message;
  message.from = "bob";
  message.to = "a";
  message.body = std::move(body);
  auto const sent = co_await bus.send(std::move(message));
  REQUIRE(sent.has_value());
  co_return sent->message.id;
}

/// What bob has to read there.
awaitable<std::vector<Message>> told_to_bob(relay::Bus& bus) {
  Identity bob;
  bob.agent_id = "bob";
  auto const unread = co_await bus.unread(bob, 100);
  REQUIRE(unread.has_value());
  co_return *unread;
}

awaitable<std::vector<json>> events(World& w, std::string type) {
  auto const page = co_await w.events().page("a", 0, 1000);
  REQUIRE(page.has_value());
  std::vector<json> found;
  for (auto const& event : *page)
    if (auto shown = json::parse(event.json_text); shown["type"] == type) found.push_back(shown["data"]);
  co_return found;
}

std::vector<std::string> bodies(std::vector<Prompt> const& handed) {
  std::vector<std::string> all;
  for (auto const& prompt : handed) all.push_back(prompt.body);
  return all;
}

awaitable<void> deliver_and_answer(World& w, std::function<void(NewMessage&)> change = {}) {
  auto const id = co_await w.send(std::move(change));
  CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
  w.end_turn("old answer");
  CHECK(co_await w.until([&] { return w.gone(id); }));
}

}  // namespace

TEST_CASE("ABusWithAnotherStoreGivesItsOwnMessagesAndHearsNothingOfTheOld") {
  with_world([](World& w) -> awaitable<void> {
    test::TempDir temp;
    net::io_context& io = static_cast<net::io_context&>((co_await net::this_coro::executor).context());
    auto const other = another_bus(io, temp.path());
    co_await deliver_and_answer(w);
    auto const running = co_await w.send(asks);
    CHECK(co_await w.until([&] { return w.state(running) == DeliveryState::running; }));
    w.session.closed_unless_urgent = "its turn runs";
    auto const waiting = co_await w.send(asks);
    CHECK(co_await w.until([&] { return w.queue->deliveries().waiting() == 1; }));

    for (int i = 1; i <= 4; ++i) co_await send_to(*other, "new " + std::to_string(i));
    w.faulty->become(*other);
    CHECK(co_await w.until([&] { return w.queue->deliveries().waiting() == 4; }));
    // The turn that was about a message of the old one ends: nobody is told that a new one is answered.
    w.end_turn("old answer");
    w.session.closed_unless_urgent.clear();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 6; }));
    CHECK(bodies(w.session.handed) == std::vector<std::string>{"hello", "hello", "new 1", "new 2", "new 3", "new 4"});
    // The conversation goes on naming the files of the old one.
    CHECK(w.session.handed[0].message_id == w.session.handed[2].message_id);
    CHECK(w.session.handed[0].body_file != w.session.handed[2].body_file);
    w.end_turn("new answer");
    CHECK(co_await w.until([&] { return w.queue->open().empty(); }));
    CHECK((co_await other->unread(w.who, 100))->empty());
    relay::MessageFilter to_running;
    to_running.reply_to = running;
    CHECK((co_await other->messages(to_running))->empty());

    // Said once: of what it had begun, and of what it had not.
    auto const failed = co_await events(w, "message.failed");
    REQUIRE(failed.size() == 2);
    for (auto const& one : failed) CHECK(one["reason"].get<std::string>().find("its bus is gone") == 0);
    CHECK((co_await events(w, "bus.changed")).size() == 1);
    auto const told = co_await told_to_bob(*other);
    REQUIRE(told.size() == 2);
    for (auto const& word : told) {
      CHECK(word.from == "a");
      CHECK_FALSE(word.reply_to.has_value());
      CHECK(word.payload["outcome"] == "bus_gone");
      CHECK_MESSAGE(word.body.find("its bus is gone") != std::string::npos, word.body);
    }

    // The first one is back: what was done stays done, what nobody had begun is delivered.
    w.faulty->become(*w.bus);
    CHECK(co_await w.until([&] { return w.session.handed.size() == 7; }));
    CHECK(w.session.handed.back().message_id == waiting);
    w.end_turn();
    CHECK(co_await w.until([&] { return w.queue->open().empty(); }));
    CHECK(co_await w.until([&] { return w.faulty->asked == 0; }));
    CHECK(w.session.handed.size() == 7);
    co_await other->stop();
  });
}

TEST_CASE("WhatADaemonWasDoingForABusThatIsGoneEndsWithTheNextDaemon") {
  test::TempDir temp;
  net::io_context io(1);
  MessageId unsure = 0;
  {
    World w(io, temp.path());
    test::run(io, [&]() -> awaitable<void> {
      co_await w.load();
      co_await deliver_and_answer(w);
      w.session.on_hand = without_proof;
      unsure = co_await w.send(asks);
      CHECK(co_await w.until([&] { return w.state(unsure) == DeliveryState::unknown; }));
      co_await w.end();
    });
  }
  for (auto const* file : {"relay.db", "relay.db-wal", "relay.db-shm"}) fs::remove(temp.path() / file);
  for (int daemon = 0; daemon < 2; ++daemon) {
    World w(io, temp.path());
    test::run(io, [&]() -> awaitable<void> {
      co_await w.load();
      auto const id = co_await w.send([&](auto& m) { m.body = "new " + std::to_string(daemon + 1); });
      CHECK(id <= 3);  // a number that was given before
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
      CHECK(bodies(w.session.handed) == std::vector<std::string>{"new " + std::to_string(daemon + 1)});
      w.end_turn();
      CHECK(co_await w.until([&] { return w.gone(id); }));
      CHECK((co_await events(w, "message.failed")).size() == 1);
      auto const told = co_await told_to_bob(*w.bus);
      REQUIRE(told.size() == 1);
      CHECK(told[0].subject == "Message " + std::to_string(unsure) + " of the bus before is not answered");
      co_await w.end();
    });
  }
}

TEST_CASE("WhoAskedOnABusThatIsGoneIsToldByTheNextDaemonWhenThisOneCouldNot") {
  test::TempDir temp;
  net::io_context io(1);
  auto const journal_of = [](World& w, char const* sql) -> awaitable<std::string> {
    auto query = [sql](Database& db) -> Result<std::string> {
      auto& row = db.prepare(sql).bind();
      auto text = row.step() ? row.text(0) : std::string();
      row.reset();
      return text;
    };
    auto const found = co_await w.journal().read(std::move(query));
    REQUIRE_MESSAGE(found.has_value(), found.error().message);
    co_return *found;
  };
  MessageId running = 0;
  std::string owed;
  {
    World w(io, temp.path());
    test::run(io, [&]() -> awaitable<void> {
      co_await w.load();
      running = co_await w.send(asks);
      CHECK(co_await w.until([&] { return w.state(running) == DeliveryState::running; }));
      auto const waiting = co_await w.send(asks);
      CHECK(co_await w.until(
          [&] { return w.queue->deliveries().waiting() == 1 || w.state(waiting) == DeliveryState::running; }));
      auto const other = another_bus(io, temp.path());
      w.faulty->faults["send"] = unavailable("away", "the bus is away");
      w.faulty->become(*other);
      CHECK(co_await w.until([&] { return w.gone(running) && w.gone(waiting); }));
      CHECK(co_await w.until([&] { return w.faulty->calls["send"] > 0; }));
      CHECK((co_await told_to_bob(*other)).empty());
      owed = co_await journal_of(w, "SELECT count(*) FROM words_owed");
      CHECK(owed == "2");
      co_await other->stop();
      co_await w.end();
    });
  }
  std::shared_ptr<relay::Bus> const other = another_bus(io, temp.path());
  for (int daemon = 0; daemon < 2; ++daemon) {
    Identity who;
    who.agent_id = "a";
    World w(io, temp.path(), other, who);
    test::run(io, [&]() -> awaitable<void> {
      co_await w.load();
      // A kill between the word and its note would have it said again: the bus knows it by its key.
      if (daemon == 0) CHECK(co_await w.until([&] { return w.faulty->calls["send"] >= 2 && w.faulty->asked == 0; }));
      auto const id = co_await w.send([](auto& m) { m.body = "new"; });
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
      w.end_turn();
      CHECK(co_await w.until([&] { return w.gone(id); }));
      auto const told = co_await told_to_bob(*w.bus);
      REQUIRE(told.size() == 2);
      for (auto const& word : told) CHECK(word.payload["outcome"] == "bus_gone");
      CHECK((co_await journal_of(w, "SELECT count(*) FROM words_owed")) == "0");
      CHECK((co_await events(w, "message.failed")).size() == 2);
      if (daemon == 1)
        co_await w.end();
      else
        co_await w.end_without_bus();
    });
  }
}

TEST_CASE("AnAgentThatIsRemovedFirstTellsWhoAskedOnABusThatIsGone") {
  with_world([](World& w) -> awaitable<void> {
    test::TempDir temp;
    net::io_context& io = static_cast<net::io_context&>((co_await net::this_coro::executor).context());
    auto const running = co_await w.send(asks);
    CHECK(co_await w.until([&] { return w.state(running) == DeliveryState::running; }));
    auto const other = another_bus(io, temp.path());
    w.faulty->faults["send"] = unavailable("away", "the bus is away");
    w.faulty->become(*other);
    CHECK(co_await w.until([&] { return w.gone(running) && w.faulty->calls["send"] > 0; }));
    CHECK_FALSE((co_await w.queue->tell_of_removal()).has_value());
    w.faulty->faults.clear();
    for (int i = 0; i < 2; ++i) CHECK((co_await w.queue->tell_of_removal()).has_value());
    auto const told = co_await told_to_bob(*other);
    REQUIRE(told.size() == 1);
    CHECK(told[0].payload["outcome"] == "bus_gone");
    w.faulty->become(*w.bus);
    co_await other->stop();
  });
}

TEST_CASE("AStoreThatWasRestoredFromACopyKeepsWhatItHasAndIsAskedAfreshForTheRest") {
  test::TempDir temp;
  net::io_context io(1);
  auto const serve = [&](auto story) {
    World w(io, temp.path());
    test::run(io, [&]() -> awaitable<void> {
      co_await w.load();
      co_await story(w);
      co_await w.end();
    });
  };
  serve([](World& w) -> awaitable<void> { co_await deliver_and_answer(w); });
  fs::copy_file(temp.path() / "relay.db", temp.path() / "copy.db");
  serve([](World& w) -> awaitable<void> {
    for (int i = 0; i < 2; ++i) co_await deliver_and_answer(w);
  });
  fs::rename(temp.path() / "copy.db", temp.path() / "relay.db");
  serve([](World& w) -> awaitable<void> {
    for (int i = 2; i <= 4; ++i) {
      auto const id = co_await w.send([&](auto& m) { m.body = "new"; });
      CHECK(id == i);
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
      w.end_turn();
      CHECK(co_await w.until([&] { return w.gone(id); }));
    }
    CHECK(bodies(w.session.handed) == std::vector<std::string>{"new", "new", "new"});
    auto const changed = co_await events(w, "bus.changed");
    REQUIRE(changed.size() == 1);
    CHECK(changed[0]["restored"] == true);
  });
}

TEST_CASE("DeliveriesOfAJournalFromBeforeStoresHadNamesGoOn") {
  test::TempDir temp;
  net::io_context io(1);
  MessageId running = 0;
  {
    World w(io, temp.path());
    test::run(io, [&]() -> awaitable<void> {
      co_await w.load();
      co_await deliver_and_answer(w);
      running = co_await w.send(asks);
      CHECK(co_await w.until([&] { return w.state(running) == DeliveryState::running; }));
      co_await w.end();
    });
  }
  {
    // As the version before has left it.
    auto db = Database::open(temp.path() / "journal.db", journal_migrations(), true);
    REQUIRE(db.has_value());
    (*db)->execute(
        "DELETE FROM facts WHERE name = 'store';"
        "CREATE TABLE old(agent TEXT NOT NULL, message INTEGER NOT NULL, state TEXT NOT NULL, nonce TEXT NOT NULL,"
        " record TEXT NOT NULL, open INTEGER NOT NULL, PRIMARY KEY(agent, message)) STRICT;"
        "INSERT INTO old SELECT agent, message, replace(state, 'submitted', 'handed'), correlation_id,"
        " replace(replace(replace(record, '\"correlationId\":', '\"nonce\":'), '[\"submitted\",', '[\"handed\",'),"
        " '\"state\":\"submitted\"', '\"state\":\"handed\"'), open FROM deliveries;"
        "DROP TABLE deliveries; ALTER TABLE old RENAME TO deliveries; DROP TABLE words_owed; DROP TABLE kept_answers;"
        "DROP TABLE memory; DROP TABLE memory_sizes; DROP TABLE outputs; DROP TABLE output_captures;"
        "DROP TABLE receivers; DROP TABLE outbox; DROP TABLE outbox_attempts; DROP TABLE skills;"
        "DROP TABLE skill_pins; DROP TABLE snapshots; DROP TABLE tool_hooks; DROP TABLE removed;"
        "DROP TABLE account_holds;"
        "DROP TABLE schedules;"
        "DROP TABLE approval_rules; DROP TABLE usage; DROP TABLE budgets;"
        "ALTER TABLE events DROP COLUMN chain;"
        "ALTER TABLE spawn_keys DROP COLUMN over_at; DROP INDEX approvals_time;"
        "CREATE INDEX deliveries_open ON deliveries(agent) WHERE open = 1;"
        "CREATE INDEX deliveries_message ON deliveries(message); PRAGMA user_version = 2");
  }
  World w(io, temp.path());
  TurnEnded end;
  end.final_text = "the answer";
  w.record_says = end;
  test::run(io, [&]() -> awaitable<void> {
    co_await w.load(World::Provider::adopted_at_rest);
    CHECK(co_await w.until([&] { return w.gone(running); }));
    CHECK((co_await replies_to(w, running)) == std::vector<std::string>{"the answer"});
    CHECK(w.session.handed.empty());
    CHECK((co_await events(w, "message.failed")).empty());
    co_await w.end();
  });
}
