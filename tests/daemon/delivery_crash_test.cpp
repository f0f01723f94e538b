// Deliveries over the death of the provider and of the daemon.
#include "daemon/store/tables/turn_table.hpp"
#include "delivery_world.hpp"

using namespace ar;
using namespace ar::test::delivery;

TEST_CASE("ProcessDeathDuringHandingAsksTheRecordAndHandsAgain") {
  auto story = [](World& w) -> awaitable<void> {
    bool first = true;
    w.session.on_hand = [&](Prompt const&) {
      SubmitResult submission;
      submission.outcome = std::exchange(first, false) ? SubmitOutcome::unknown : SubmitOutcome::accepted;
      return submission;
    };
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::unknown; }));
    w.has_process = false;
    co_await w.queue->outcomes().on_process_gone();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::queued; }));
    w.has_process = true;
    w.queue->outcomes().on_ready();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    CHECK(w.session.handed.size() == 2);
  };
  with_world(story);
}

TEST_CASE("ATurnCutOffByACrashIsInterruptedAndNotRepeated") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.has_process = false;
    co_await w.queue->outcomes().on_process_gone();
    w.has_process = true;
    w.queue->outcomes().on_ready();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.session.handed.size() == 1);
    CHECK(co_await w.unread_count() == 0);
  };
  with_world(story);
}

TEST_CASE("ACutOffTaskGoesOnInTheResumedSession") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](NewMessage& m) {
      m.claimable = true;
      m.payload["taskId"] = 9;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.has_process = false;
    co_await w.queue->outcomes().on_process_gone();
    w.has_process = true;
    w.queue->outcomes().on_ready();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 2 && w.turns->running(); }));
    CHECK(w.session.handed[1].kind == "resume");
    CHECK(w.session.handed[1].message_id == 0);
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto task = co_await w.bus->task(9);
    CHECK(task->status == TaskStatus::done);
  };
  with_world(story);
}

TEST_CASE("ADaemonKilledAfterHandingAsksTheRecordAndDoesNotTypeAgain") {
  for (bool was_taken : {true, false}) {
    test::TempDir temp;
    net::io_context io(1);
    MessageId id = 0;
    {
      World before(io, temp.path());
      test::run(io, [&]() -> awaitable<void> {
        co_await before.load();
        before.session.on_hand = without_proof;
        id = co_await before.send();
        CHECK(co_await before.until([&] { return before.state(id) == DeliveryState::unknown; }));
        co_await before.end();
      });
    }
    World after(io, temp.path());
    after.session.says = was_taken ? RecordedOutcome::accepted : RecordedOutcome::absent;
    test::run(io, [&]() -> awaitable<void> {
      co_await after.load();
      if (was_taken) {
        CHECK(co_await after.until([&] { return after.gone(id); }));
        CHECK(after.session.handed.empty());
      } else {
        CHECK(co_await after.until([&] { return after.state(id) == DeliveryState::running; }));
        CHECK(after.session.handed.size() == 1);
      }
      CHECK(co_await after.until([&] { return after.gone(id) || after.queue->open().at(id).acknowledged; }));
      CHECK(co_await after.unread_count() == 0);
      co_await after.end();
    });
  }
}

namespace {

/// A message with task 9 that wants a reply is running when the daemon is killed. What the next one makes of it: the
/// outcome, the task and the reply.
struct Next {
  World::Provider provider = World::Provider::adopted_at_rest;
  std::optional<TurnEnded> record{};
  std::function<awaitable<void>(World&, MessageId)> then{};
};
void after_a_kill_mid_turn(Next next) {
  test::TempDir temp;
  MessageId id = 0;
  std::string correlation_id;
  {
    net::io_context io(1);
    World before(io, temp.path());
    test::run(io, [&]() -> awaitable<void> {
      co_await before.load();
      id = co_await before.send([](NewMessage& m) {
        m.claimable = true;
        m.payload["taskId"] = 9;
        m.payload["replyRequested"] = true;
      });
      CHECK(co_await before.until([&] { return before.state(id) == DeliveryState::running; }));
      correlation_id = before.session.handed[0].correlation_id;
      co_await before.end();
    });
  }
  net::io_context io(1);
  World after(io, temp.path());
  after.turns_numbered = 1;
  after.record_says = next.record;
  if (next.provider == World::Provider::adopted_busy) after.session.closed_unless_urgent = "a turn is running";
  test::run(io, [&]() -> awaitable<void> {
    co_await after.load(next.provider);
    co_await next.then(after, id);
    CHECK(after.asked_record == std::vector<std::string>{correlation_id});
    co_await after.end();
  });
}
TurnEnded ended(TurnEnded::Outcome outcome, std::string text, std::string error = {}) {
  return {outcome, std::move(text), {}, std::move(error)};
}
}  // namespace

TEST_CASE("ATurnThatEndedWhileNoDaemonRanEndsAsTheProvidersRecordSays") {
  for (auto const provider : {World::Provider::adopted_at_rest, World::Provider::gone}) {
    after_a_kill_mid_turn(
        {provider, ended(TurnEnded::Outcome::completed, "42"), [](World& w, MessageId id) -> awaitable<void> {
           CHECK(co_await w.until([&] { return w.gone(id); }));
           auto const task = co_await w.bus->task(9);
           CHECK(task->status == TaskStatus::done);
           CHECK(co_await replies_to(w, id) == std::vector<std::string>{"42"});
           CHECK(w.session.handed.empty());
         }});
    after_a_kill_mid_turn({provider, ended(TurnEnded::Outcome::failed, "", "rate limited"),
                           [](World& w, MessageId id) -> awaitable<void> {
                             CHECK(co_await w.until([&] { return w.gone(id); }));
                             auto const task = co_await w.bus->task(9);
                             CHECK(task->status == TaskStatus::failed);
                             CHECK(task->body.find("rate limited") != std::string::npos);
                             auto const told = co_await replies_to(w, id);
                             REQUIRE(told.size() == 1);
                             CHECK(told[0].find("rate limited") != std::string::npos);
                           }});
  }
}

TEST_CASE("ATurnWhoseEndNobodyKnowsIsNeverDone") {
  after_a_kill_mid_turn(
      {World::Provider::adopted_at_rest, std::nullopt, [](World& w, MessageId id) -> awaitable<void> {
         auto const next = co_await w.send();
         CHECK(co_await w.until([&] { return w.queue->held_reason().find("looked up") != std::string::npos; }));
         CHECK(w.state(id) == DeliveryState::running);
         CHECK(co_await w.until([&] { return w.gone(id); }));
         auto const task = co_await w.bus->task(9);
         CHECK(task->status == TaskStatus::failed);
         CHECK(task->body.find("nobody saw") != std::string::npos);
         CHECK(co_await w.until([&] { return w.state(next) == DeliveryState::running; }));
       }});
}

TEST_CASE("ATurnThatRunsOnOverTheDaemonsDeathIsAwaited") {
  after_a_kill_mid_turn({World::Provider::adopted_busy, std::nullopt, [](World& w, MessageId id) -> awaitable<void> {
                           co_await sleep_for(3500ms);  // longer than the patience with a provider at rest
                           CHECK(w.state(id) == DeliveryState::running);
                           w.end_turn("43");
                           CHECK(co_await w.until([&] { return w.gone(id); }));
                           auto const task = co_await w.bus->task(9);
                           CHECK(task->status == TaskStatus::done);
                           CHECK(co_await replies_to(w, id) == std::vector<std::string>{"43"});
                         }});
}

TEST_CASE("ATurnThatAPersonBeganMeanwhileDoesNotAnswerForTheOneBefore") {
  after_a_kill_mid_turn({World::Provider::adopted_busy, ended(TurnEnded::Outcome::completed, "42"),
                         [](World& w, MessageId id) -> awaitable<void> {
                           CHECK(co_await w.until([&] { return w.gone(id); }));
                           CHECK(w.turns->running());
                           w.end_turn("the person's");
                           CHECK_FALSE(w.turns->running());
                           CHECK(co_await replies_to(w, id) == std::vector<std::string>{"42"});
                         }});
}

namespace {

awaitable<std::vector<json>> turns_of(World& w) {
  auto query = [](Database& db) -> Result<std::vector<json>> {
    std::vector<json> rows;
    TurnTable(db).each("a", [&](Record const& row) { rows.push_back(json::parse(row.second)); });
    return rows;
  };
  auto read = co_await w.journal().read(std::move(query));
  REQUIRE(read.has_value());
  co_return std::move(*read);
}

using Story = std::function<awaitable<void>(World&)>;

/// The daemon is killed after `before`.
void over_a_kill(Story before, World::Provider provider, Story after, std::optional<TurnEnded> record = {}) {
  test::TempDir temp;
  for (bool const first : {true, false}) {
    net::io_context io(1);
    World w(io, temp.path());
    if (!first) w.turns_numbered = 1;
    test::run(io, [&]() -> awaitable<void> {
      if (!first) w.session.closed = "it is being adopted";
      if (!first) w.record_says = record;
      co_await w.load(first ? World::Provider::fresh : provider);
      if (!first) w.session.closed.clear();
      co_await (first ? before : after)(w);
      co_await w.end();
    });
  }
}

/// The turn's beginning is known, and nothing proves yet that it has taken the message.
awaitable<void> begins_without_proof(World& w) {
  w.session.on_hand = [&w](Prompt const&) {
    w.queue->outcomes().on_turn_started();
    SubmitResult submission;
    submission.outcome = SubmitOutcome::unknown;
    return submission;
  };
  co_await w.send();
  CHECK(co_await w.until([&] { return w.turns->running() && w.state(1) == DeliveryState::unknown; }));
}

}  // namespace

TEST_CASE("ATurnHasItsIdAndItsBeginningAlsoAfterTheDaemonsDeath") {
  json known;
  auto const before = [&](World& w) -> awaitable<void> {
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    auto const rows = co_await turns_of(w);
    known = rows.at(0);
  };
  over_a_kill(before, World::Provider::adopted_busy, [&](World& w) -> awaitable<void> {
    REQUIRE(w.turns->running());
    CHECK(to_json(*w.turns->running()) == known);
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(1); }));
    auto const rows = co_await turns_of(w);
    REQUIRE(rows.size() == 1);
    CHECK(rows[0]["status"] == "done");
    for (auto const* field : {"id", "eventCursor", "startedAt", "messages"}) CHECK(rows[0][field] == known[field]);
  });
}

TEST_CASE("ATurnOfWhichOnlyTheBeginningWasKnownIsTheOneThatHasTakenTheMessage") {
  SUBCASE("it runs on") {
    over_a_kill(begins_without_proof, World::Provider::adopted_busy, [](World& w) -> awaitable<void> {
      w.queue->outcomes().on_accepted(w.queue->open().at(1).correlation_id, "transcript");
      CHECK(w.state(1) == DeliveryState::running);
      w.end_turn();
      CHECK(co_await w.until([&] { return w.gone(1); }));
      auto const rows = co_await turns_of(w);
      REQUIRE(rows.size() == 1);
      CHECK(rows[0]["status"] == "done");
      CHECK(rows[0]["messages"] == json::array({1}));
    });
  }
  SUBCASE("it has ended meanwhile") {
    auto const after = [](World& w) -> awaitable<void> {
      w.session.says = RecordedOutcome::accepted;
      w.record_says = ended(TurnEnded::Outcome::completed, "42");
      w.queue->look_up_wanted();
      CHECK(co_await w.until([&] { return w.gone(1); }));
      CHECK_FALSE(w.turns->running());
      auto const rows = co_await turns_of(w);
      REQUIRE(rows.size() == 1);
      CHECK(rows[0]["finalText"] == "42");
      CHECK(rows[0]["messages"] == json::array({1}));
    };
    over_a_kill(begins_without_proof, World::Provider::adopted_at_rest, after);
  }
}

TEST_CASE("NoTurnRunsForEver") {
  auto const begins = [](World& w) -> awaitable<void> {
    w.queue->outcomes().on_turn_started();
    REQUIRE(w.turns->running());
    co_return;
  };
  for (auto const provider : {World::Provider::gone, World::Provider::adopted_at_rest}) {
    over_a_kill(begins, provider, [](World& w) -> awaitable<void> {
      CHECK(co_await w.until([&] { return !w.turns->running(); }));
      w.queue->outcomes().on_turn_started();  // and the next one has a number of its own
      w.end_turn();
      auto const rows = co_await turns_of(w);
      REQUIRE(rows.size() == 2);
      CHECK(rows[0]["status"] == "interrupted");
      CHECK(rows[1]["status"] == "done");
    });
  }
}

TEST_CASE("WhatIsSentAfterALostTurnHasATurnOfItsOwn") {
  auto const begins = [](World& w) -> awaitable<void> {
    w.session.closed = "a person types";
    w.queue->outcomes().on_turn_started();
    co_await w.send();
    CHECK(co_await w.until([&] { return w.state(1) == DeliveryState::queued; }));
  };
  over_a_kill(begins, World::Provider::adopted_at_rest, [](World& w) -> awaitable<void> {
    w.resting = true;
    w.queue->outcomes().on_gate_changed();
    CHECK(co_await w.until([&] { return w.state(1) == DeliveryState::running; }));
    auto const rows = co_await turns_of(w);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0]["status"] == "interrupted");
    CHECK(rows[0]["messages"].empty());
    CHECK(rows[1]["messages"] == json::array({1}));
  });
}

TEST_CASE("AMessageOfATurnWhoseEndIsLookedUpIsNotTheNextOnes") {
  auto const before = [](World& w) -> awaitable<void> {
    co_await w.send();
    CHECK(co_await w.until([&] { return w.state(1) == DeliveryState::running; }));
    Turn next;  // whose beginning was written down, and nothing of the end of the one before
    next.number = 2;
    next.started_at = wall_now();
    w.journal().write([record = to_text(to_json(next))](Database& db) { TurnTable(db).put("a", 2, record); });
  };
  auto const after = [](World& w) -> awaitable<void> {
    CHECK(co_await w.until([&] { return w.gone(1); }));
    auto const rows = co_await turns_of(w);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0]["finalText"] == "42");
    CHECK(rows[0]["messages"] == json::array({1}));
    CHECK(rows[1]["messages"].empty());
    CHECK(rows[1]["status"] == "running");
  };
  over_a_kill(before, World::Provider::adopted_busy, after, ended(TurnEnded::Outcome::completed, "42"));
}

TEST_CASE("OlderTurnsWithoutAnEndGetOne") {
  auto const before = [](World& w) -> awaitable<void> {
    Turn lost;
    lost.number = 1;
    lost.started_at = wall_now();
    w.journal().write([record = to_text(to_json(lost))](Database& db) { TurnTable(db).put("a", 1, record); });
    w.turns_numbered = 1;
    w.queue->outcomes().on_turn_started();
    w.end_turn();
    co_return;
  };
  over_a_kill(before, World::Provider::adopted_at_rest, [](World& w) -> awaitable<void> {
    CHECK_FALSE(w.turns->running());
    CHECK(co_await w.until([&] { return !w.turns->has_to_look_up(); }));
    auto const rows = co_await turns_of(w);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0]["status"] == "interrupted");
    CHECK(rows[0]["endedAt"] == rows[0]["startedAt"]);
    CHECK(rows[1]["status"] == "done");
  });
}

TEST_CASE("AfterAColdStartTheSessionIsToldOnceWhatWasCutOff") {
  constexpr char kWhy[] = "the machine was started again";
  SUBCASE("a message that is over with its turn") {
    auto story = [&](World& w) -> awaitable<void> {
      auto const id = co_await w.send();
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
      auto const next = co_await w.send();
      w.has_process = false;
      co_await w.queue->outcomes().on_process_gone(kWhy);
      w.has_process = true;
      w.queue->outcomes().on_ready();
      CHECK(co_await w.until([&] { return w.session.handed.size() == 2; }));
      auto const& note = w.session.handed[1];  // before what waited
      CHECK(note.kind == "interrupted");
      CHECK(note.subject == "message " + std::to_string(id));
      CHECK(note.body.starts_with("The machine was started again: your process ended in the middle of a turn"));
      CHECK(note.body.find("look before you do any of it again") != std::string::npos);
      CHECK(co_await w.until([&] { return w.turns->running(); }));
      w.end_turn();
      CHECK(co_await w.until([&] { return w.state(next) == DeliveryState::running; }));
      CHECK(w.session.handed.size() == 3);
      CHECK(w.gone(id));
    };
    with_world(story);
  }
  SUBCASE("a task, which goes on") {
    auto story = [&](World& w) -> awaitable<void> {
      auto const id = co_await w.send([](NewMessage& m) {
        m.claimable = true;
        m.payload["taskId"] = 9;
      });
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
      w.has_process = false;
      co_await w.queue->outcomes().on_process_gone(kWhy);
      w.has_process = true;
      w.queue->outcomes().on_ready();
      CHECK(co_await w.until([&] { return w.session.handed.size() == 2 && w.turns->running(); }));
      CHECK(w.session.handed[1].kind == "resume");
      CHECK(w.session.handed[1].body.find("look before you do any of it again") != std::string::npos);
      CHECK(w.session.handed[1].body.find("Please go on") != std::string::npos);
      w.end_turn();
      CHECK(co_await w.until([&] { return w.gone(id); }));
      CHECK(w.session.handed.size() == 2);
    };
    with_world(story);
  }
  SUBCASE("one that only the record shows as taken") {
    auto story = [&](World& w) -> awaitable<void> {
      w.session.on_hand = without_proof;
      auto const id = co_await w.send();
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::unknown; }));
      w.has_process = false;
      w.offline_says = RecordedOutcome::accepted;
      w.session.on_hand = {};
      co_await w.queue->outcomes().on_process_gone(kWhy);
      CHECK(co_await w.until([&] { return w.gone(id); }));
      w.has_process = true;
      w.queue->outcomes().on_ready();
      CHECK(co_await w.until([&] { return w.session.handed.size() == 2; }));
      CHECK(w.session.handed[1].kind == "interrupted");
    };
    with_world(story);
  }
  SUBCASE("one that it had not taken is given again, and nothing is told") {
    auto story = [&](World& w) -> awaitable<void> {
      w.session.on_hand = without_proof;
      auto const id = co_await w.send();
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::unknown; }));
      w.has_process = false;
      w.session.on_hand = {};
      co_await w.queue->outcomes().on_process_gone(kWhy);
      w.has_process = true;
      w.queue->outcomes().on_ready();
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
      CHECK(w.session.handed.size() == 2);
      CHECK(w.session.handed[1].message_id == id);
    };
    with_world(story);
  }
}
