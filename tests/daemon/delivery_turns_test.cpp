// Which turn a message belongs to, and what the end of a turn says of it.
#include "delivery_world.hpp"

using namespace ar;
using namespace ar::test::delivery;

TEST_CASE("TheEndOfAShortTurnWaitsForItsMessagesProof") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.before_proof = [&] {
      w.queue->outcomes().on_turn_started();
      w.end_turn("quick");
    };
    auto const id = co_await w.send([](NewMessage& m) { m.payload["replyRequested"] = true; });
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.turns_numbered == 1);
    relay::MessageFilter answers;
    answers.reply_to = id;
    auto replies = co_await w.bus->messages(answers);
    REQUIRE(replies->size() == 1);
    CHECK((*replies)[0].body == "quick");
    CHECK((*replies)[0].to == "bob");
  };
  with_world(story);
}

TEST_CASE("AnUrgentMessageProvedAfterTheEndOfItsTurnBelongsToThatTurn") {
  auto story = [](World& w) -> awaitable<void> {
    auto const first = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(first) == DeliveryState::running; }));
    w.session.before_proof = [&] { w.end_turn("both"); };
    auto const urgent = co_await w.send([](NewMessage& m) { m.payload["urgent"] = true; });
    CHECK(co_await w.until([&] { return w.gone(first) && w.gone(urgent); }));
    CHECK(w.turns_numbered == 1);
    CHECK_FALSE(w.turns->running());
  };
  with_world(story);
}

TEST_CASE("AnUrgentMessageThatStartsATurnOfItsOwnBelongsToThatOne") {
  auto story = [](World& w) -> awaitable<void> {
    auto const first = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(first) == DeliveryState::running; }));
    w.session.before_proof = [&] {
      w.end_turn("first");
      w.queue->outcomes().on_turn_started();
    };
    auto const urgent = co_await w.send([](NewMessage& m) { m.payload["urgent"] = true; });
    CHECK(co_await w.until([&] { return w.gone(first) && w.state(urgent) == DeliveryState::running; }));
    CHECK(w.turns_numbered == 2);
    w.end_turn("second");
    CHECK(co_await w.until([&] { return w.gone(urgent); }));
  };
  with_world(story);
}

TEST_CASE("AnEndThatTheProviderCannotExplainIsLookedUpInItsRecord") {
  for (bool const known : {true, false}) {
    auto story = [known](World& w) -> awaitable<void> {
      w.config().limits_continue = "no";
      auto const id = co_await w.send([](NewMessage& m) {
        m.claimable = true;
        m.payload["taskId"] = 9;
      });
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
      if (known) w.record_says = TurnEnded{TurnEnded::Outcome::failed, {}, "rate_limit", "too many"};
      TurnEnded end;
      end.outcome = TurnEnded::Outcome::unseen;
      w.queue->outcomes().on_turn_ended(end);
      CHECK(co_await w.until([&] { return w.gone(id); }));
      CHECK(w.asked_record.size() == 1);
      auto const task = co_await w.bus->task(9);
      REQUIRE(task.has_value());
      CHECK(task->status == TaskStatus::failed);
      CHECK(task->body.find(known ? "too many" : "how it ended nobody saw") != std::string::npos);
      CHECK(w.turns_told == std::vector<bool>{true, false});
    };
    with_world(story);
  }
}

TEST_CASE("AnUnexplainedEndIsOfTheTurnBeforeAndNotOfTheOneThatFollowsAtOnce") {
  auto story = [](World& w) -> awaitable<void> {
    auto const first = co_await w.send([](NewMessage& m) { m.payload["replyRequested"] = true; });
    CHECK(co_await w.until([&] { return w.state(first) == DeliveryState::running; }));
    w.record_says = TurnEnded{TurnEnded::Outcome::completed, "the first answer", {}, {}};
    w.session.before_proof = [&] {
      TurnEnded end;
      end.outcome = TurnEnded::Outcome::unseen;
      w.queue->outcomes().on_turn_ended(end);
      w.queue->outcomes().on_turn_started();
    };
    auto const urgent = co_await w.send([](NewMessage& m) { m.payload["urgent"] = true; });
    CHECK(co_await w.until([&] { return w.gone(first) && w.state(urgent) == DeliveryState::running; }));
    CHECK((co_await replies_to(w, first)) == std::vector<std::string>{"the first answer"});
    CHECK(w.asked_record.size() == 1);
    CHECK(w.queue->open().at(urgent).turn == 2);
    w.end_turn("the second");
    CHECK(co_await w.until([&] { return w.gone(urgent); }));
    CHECK(w.turns_numbered == 2);
  };
  with_world(story);
}

TEST_CASE("ATurnWhoseEndWasLostEndsWhenTheProviderIsAtRest") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.before_proof = [&] { w.session.closed_unless_urgent = "a turn is running"; };
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    co_await sleep_for(3200ms);  // longer than the patience with a provider at rest
    CHECK(w.state(id) == DeliveryState::running);
    w.session.closed_unless_urgent.clear();
    w.queue->outcomes().on_gate_changed();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.turns_told == std::vector<bool>{true, false});
  };
  with_world(story);
}
