// No message is taken up twice, though of those that an agent has had only the newest are in memory.
#include "daemon/delivery/known_messages.hpp"

#include "daemon/store/retention.hpp"
#include "delivery_world.hpp"

#include <chrono>
#include <cstdio>
#include <malloc.h>
#include <unordered_set>

using namespace ar;
using namespace ar::test::delivery;

namespace {

using Ids = std::vector<MessageId>;

void add(Database& db, std::string const& store, MessageId message) {
  db.prepare(
        "INSERT INTO deliveries(agent, store, message, state, correlation_id, record, open) "
        "VALUES('a', ?1, ?2, 'done', '', '{}', 0)")
      .bind(store, message)
      .run();
}

template <class Job>
void with_journal(Job job) {
  test::TempDir temp;
  net::io_context io(1);
  auto const journal = *Journal::open(io.get_executor(), temp.path() / "j.db");
  test::run(io, [&]() -> awaitable<void> {
    auto query = [&](Database& db) -> Result<bool> {
      job(db);
      return true;
    };
    CHECK((co_await journal->run(std::move(query))).has_value());
    co_await journal->stop();
  });
}

/// One start of the daemon after the other, with few messages in memory.
template <class Story>
void serve(test::TempDir const& temp, Story story) {
  net::io_context io(1);
  World w(io, temp.path());
  w.known_kept = 2;
  test::run(io, [&]() -> awaitable<void> {
    co_await w.load();
    co_await story(w);
    co_await w.end();
  });
}

awaitable<void> deliver(World& w, int count) {
  for (int i = 0; i < count; ++i) {
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
  }
}

Ids handed(World const& w) {
  Ids ids;
  for (auto const& prompt : w.session.handed) ids.push_back(prompt.message_id);
  return ids;
}

}  // namespace

TEST_CASE("TheNewestMessagesAreInMemoryAndTheJournalHasTheRest") {
  with_journal([](Database& db) {
    for (int id : {1, 5, 3, 9, 7}) add(db, "here", id);
    for (int id : {2, 8}) add(db, "elsewhere", id);
    add(db, "", -2);
    auto known = KnownMessages::read(db, "a", "here", 3);
    for (int id : {5, 7, 9}) CHECK(known.contains(id));
    for (int id : {1, 3, 6, 8}) CHECK_FALSE(known.contains(id));
    CHECK(known.is_below(3));
    CHECK(known.is_below(4));
    CHECK_FALSE(known.is_below(5));
    CHECK_FALSE(known.is_below(6));
    CHECK(known.highest() == 9);
    CHECK(KnownMessages::in_journal(db, "a", "here", {1, 2, 3, 4}) == Ids{1, 3});
    CHECK(KnownMessages::in_journal(db, "b", "here", {1}).empty());
  });
}

TEST_CASE("NothingIsBelowTheMarkBeforeThereAreMany") {
  with_journal([](Database& db) {
    for (int id : {3, 9}) add(db, "here", id);
    add(db, "", 6);  // when nobody could tell whose it is
    auto known = KnownMessages::read(db, "a", "here", 4);
    for (int id : {3, 6, 9}) CHECK(known.contains(id));
    CHECK_FALSE(known.is_below(1));
    known = KnownMessages::read(db, "a", "here", 2);
    CHECK(known.is_below(2));
    CHECK(known.contains(3));
    CHECK(known.contains(6));
  });
}

TEST_CASE("TheMarkFollowsTheNewestWhateverOrderTheyComeIn") {
  with_journal([](Database& db) {
    auto known = KnownMessages::read(db, "a", "here", 2);
    for (int id : {40, 10, 30, 20, 20}) known.insert(id);
    CHECK_FALSE(known.is_below(1));
    known.insert(50);
    CHECK(known.is_below(39));
    CHECK(known.contains(40));
    CHECK(known.contains(50));
    known.insert(35);  // the journal will know it
    CHECK_FALSE(known.contains(35));
    CHECK(known.is_below(35));
    known.erase(40);
    CHECK_FALSE(known.contains(40));
    known.forget_above(25);
    CHECK_FALSE(known.contains(50));
    CHECK(known.highest() == 25);
    known.insert(41);
    CHECK(known.contains(41));
    CHECK(known.highest() == 41);
  });
}

TEST_CASE("AMessageThatStaysUnreadIsNotHandedAgainFromBelowTheMark") {
  test::TempDir temp;
  auto const refuse = [](Prompt const&) {
    SubmitResult submission;
    submission.outcome = SubmitOutcome::refused;
    return submission;
  };
  serve(temp, [&](World& w) -> awaitable<void> {
    w.session.on_hand = refuse;
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 1 && w.gone(id); }));
    w.session.on_hand = {};
    co_await deliver(w, 6);
    CHECK((co_await w.queue->intake().fetch_unread(w.who)).has_value());
    co_await deliver(w, 1);
    CHECK(handed(w) == Ids{1, 2, 3, 4, 5, 6, 7, 8});
    // What became of it is forgotten; that it came is not.
    RetentionLimits limits;
    limits.most_history = 0;
    net::io_context& io = static_cast<net::io_context&>((co_await net::this_coro::executor).context());
    Worker files;
    Retention retention(io.get_executor(), w.journal(), files, [&](auto const&) { return temp.path(); }, limits);
    CHECK((co_await retention.prune()).has_value());
  });
  serve(temp, [&](World& w) -> awaitable<void> {
    CHECK((co_await w.unread_count()) == 1);
    co_await deliver(w, 1);
    CHECK((co_await w.queue->intake().fetch_unread(w.who)).has_value());
    co_await deliver(w, 1);
    CHECK(handed(w) == Ids{9, 10});
  });
}

TEST_CASE("WorkThatComesFreeFromBelowTheMarkIsTakenUpOnce") {
  test::TempDir temp;
  MessageId work = 0;
  serve(temp, [&](World& w) -> awaitable<void> {
    w.session.closed = "not yet";
    work = co_await w.send([](NewMessage& m) { m.claimable = true; });
    auto const claim = co_await w.bus->claim(work, "other");
    REQUIRE(claim.has_value());
    w.session.closed.clear();
    w.queue->outcomes().on_gate_changed();
    CHECK(co_await w.until([&] { return w.gone(work); }));
    co_await deliver(w, 6);
    CHECK((co_await w.bus->release(work, claim->token, 0ms, relay::Tried::no)).has_value());
    CHECK(co_await w.until([&] { return w.queue->intake().wants_more(); }));  // its agent fetches then
    CHECK((co_await w.queue->intake().fetch_more(w.who)).has_value());
    CHECK(co_await w.until([&] { return w.state(work) == DeliveryState::running; }));
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(work); }));
    CHECK(handed(w).back() == work);
    CHECK((co_await w.queue->intake().fetch_unread(w.who)).has_value());
    co_await deliver(w, 1);
    CHECK(w.session.handed.size() == 8);
  });
  serve(temp, [&](World& w) -> awaitable<void> {
    co_await deliver(w, 1);
    CHECK(handed(w) == Ids{9});
  });
}

TEST_CASE("WhatIsInDoubtWaitsUntilTheJournalCanTell") {
  test::TempDir temp;
  serve(temp, [](World& w) -> awaitable<void> { co_await deliver(w, 6); });
  serve(temp, [](World& w) -> awaitable<void> {
    Message old;
    old.id = 1;
    old.to = "a";
    w.queue->intake().offer(old);
    CHECK(w.queue->open().empty());
    CHECK(w.queue->intake().wants_more());
    co_await w.queue->intake().fetch_more(w.who);
    CHECK(w.queue->open().empty());
    CHECK(w.session.handed.empty());
  });
}

TEST_CASE("NotesOfItsOwnGoOnBelowTheLowestAfterARestart") {
  test::TempDir temp;
  serve(temp, [](World& w) -> awaitable<void> {
    w.queue->deliveries().add_local(w.queue->deliveries().next_local_id(), {"system", "note", "one"});
    w.queue->deliveries().add_local(kInitialPrompt, {"system", "prompt", "two"});
    w.queue->deliveries().add_local(w.queue->deliveries().next_local_id(), {"system", "note", "three"});
    CHECK(w.queue->deliveries().next_local_id() == -4);
    CHECK(w.queue->open().size() == 3);
    CHECK((co_await w.journal().committed()).has_value());
  });
  serve(temp, [](World& w) -> awaitable<void> {
    CHECK(w.queue->deliveries().next_local_id() == -4);
    auto const before = w.queue->open().size();
    w.queue->deliveries().add_local(kInitialPrompt, {"system", "prompt", "two"});
    CHECK(w.queue->open().size() == before);
    co_return;
  });
}

/// What it costs, beside what it cost to read every number that there is: daemon_test -ns -tc='AMillionDeliveries*'
TEST_CASE("AMillionDeliveriesCostTheStartLittle" * doctest::skip()) {
  with_journal([](Database& db) {
    Transaction filling(db);
    for (int id = 1; id <= 1'000'000; ++id) add(db, "here", id);
    db.execute("INSERT INTO facts(name, value) VALUES('store', 'here')");
    filling.commit();
    auto const measure = [](char const* what, auto read) {
      auto const memory = ::mallinfo2().uordblks;
      auto const begun = std::chrono::steady_clock::now();
      auto const result = read();
      std::chrono::duration<double, std::milli> const took = std::chrono::steady_clock::now() - begun;
      std::printf("%-12s %8.1f ms  %8zu KiB\n", what, took.count(), (::mallinfo2().uordblks - memory) >> 10);
      return result;
    };
    measure("every number", [&] {
      std::unordered_set<MessageId> all;
      auto& rows = db.prepare("SELECT message, open, record FROM deliveries WHERE agent = 'a'").bind();
      while (rows.step()) all.insert(rows.integer(0));
      return all;
    });
    auto const stored = measure("the newest", [&] { return DeliveryQueue::stored(db, "a"); });
    CHECK(stored.known.highest() == 1'000'000);
    CHECK(stored.known.is_below(997'999));
  });
}
