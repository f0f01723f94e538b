// Deliveries over the death of the provider and of the daemon.
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
