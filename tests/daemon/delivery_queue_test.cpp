// What is handed when, in which order, and what counts as its acceptance.
#include "delivery_world.hpp"

using namespace ar;
using namespace ar::test::delivery;

TEST_CASE("AMessageIsAcknowledgedOnlyAfterItsProof") {
  auto story = [](World& w) -> awaitable<void> {
    std::size_t unread_while_typed = 0;
    w.session.before_proof = [&] { unread_while_typed = w.queue->deliveries().waiting(); };
    auto const id = co_await w.send();
    CHECK(
        co_await w.until([&] { return w.state(id) == DeliveryState::running && w.queue->open().at(id).acknowledged; }));
    CHECK(unread_while_typed == 1);
    CHECK(co_await w.unread_count() == 0);
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.session.handed.size() == 1);
    CHECK(w.session.handed[0].body == "hello");
    CHECK(w.session.handed[0].correlation_id.size() == 10);
  };
  with_world(story);
}

TEST_CASE("AnUnknownDeliveryIsNotAcknowledgedNorTypedAgainAndHoldsTheNext") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.on_hand = [](Prompt const&) {
      SubmitResult unknown;
      unknown.outcome = SubmitOutcome::unknown;
      unknown.reason = "no proof";
      unknown.screen = "$ hello";
      return unknown;
    };
    auto const first = co_await w.send();
    auto const second = co_await w.send();
    CHECK(co_await w.until(
        [&] { return w.state(first) == DeliveryState::unknown && !w.queue->open().at(second).held.empty(); }));
    w.queue->outcomes().on_gate_changed();
    co_await sleep_for(50ms);
    CHECK(w.session.handed.size() == 1);
    CHECK(co_await w.unread_count() == 2);
    CHECK(w.queue->open().at(first).screen == "$ hello");
    // A late proof settles it, and the next one goes.
    w.session.on_hand = {};
    w.queue->outcomes().on_accepted(w.session.handed[0].correlation_id, "transcript");
    w.end_turn();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 2; }));
    CHECK(w.session.handed[1].message_id == second);
  };
  with_world(story);
}

TEST_CASE("APersonSettlesWhatNoRecordCan") {
  for (bool const taken : {true, false}) {
    auto story = [taken](World& w) -> awaitable<void> {
      w.session.says = RecordedOutcome::blind;
      w.session.on_hand = without_proof;
      auto const id = co_await w.send();
      auto const next = co_await w.send();
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::unknown; }));
      CHECK(co_await w.until([&] { return w.queue->open().at(next).held.find("message again") != std::string::npos; }));
      w.session.on_hand = {};
      w.queue->outcomes().settle(id, taken);
      w.queue->outcomes().settle(next, taken);  // it is not unknown: nothing happens
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
      CHECK(w.queue->open().at(id).proof == (taken ? "person" : "transcript"));
      CHECK(w.session.handed.size() == (taken ? 1 : 2));
      w.end_turn();
      CHECK(co_await w.until([&] { return w.state(next) == DeliveryState::running; }));
      CHECK(w.session.handed.back().message_id == next);
    };
    with_world(story);
  }
}

TEST_CASE("AProofThatComesAfterAPersonSaidOtherwiseCounts") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.on_hand = without_proof;
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::unknown; }));
    w.session.closed = "a dialog";
    w.queue->outcomes().settle(id, false);
    CHECK(w.state(id) == DeliveryState::queued);
    w.queue->outcomes().on_accepted(w.session.handed[0].correlation_id, "hook");
    CHECK(w.state(id) == DeliveryState::running);
    w.session.closed.clear();
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.session.handed.size() == 1);
  };
  with_world(story);
}

TEST_CASE("WhatAPersonCallsTakenAfterItsProcessHasGoneWasCutOff") {
  auto story = [](World& w) -> awaitable<void> {
    w.offline_says = w.session.says = RecordedOutcome::blind;
    w.session.on_hand = without_proof;
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::unknown; }));
    w.has_process = false;
    co_await w.queue->outcomes().on_process_gone();
    CHECK(w.state(id) == DeliveryState::unknown);
    w.queue->outcomes().settle(id, true);
    CHECK_FALSE(w.turns->running());
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(co_await w.unread_count() == 0);
  };
  with_world(story);
}

TEST_CASE("WhatTheBusRefusesForNowIsHeldAndToldLater") {
  auto story = [](World& w) -> awaitable<void> {
    Error const forbidden{ErrorKind::forbidden, "no_right", "this token may not claim"};
    w.faulty->faults["claim"] = forbidden;
    auto const id = co_await w.send([](NewMessage& m) {
      m.claimable = true;
      m.payload["taskId"] = 9;
    });
    CHECK(co_await w.until([&] { return w.queue->held_reason() == forbidden.message; }));
    auto const younger = co_await w.send();  // what anybody may read does not wait for it
    CHECK(co_await w.until([&] { return w.state(younger) == DeliveryState::running; }));
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(younger); }));
    w.faulty->faults.clear();
    CHECK(co_await w.until([&] { return w.queue->open().at(id).acknowledged; }));

    // The bus goes between the proof and its news, and between the end and its own.
    w.faulty->faults["set_task"] = w.faulty->faults["finish"] = w.faulty->faults["renew"] =
        w.faulty->faults["mark_read"] = unavailable("bus_away", "the bus is away");
    auto const plain = co_await w.send([](NewMessage& m) { m.payload["urgent"] = true; });
    CHECK(co_await w.until([&] { return w.state(plain) == DeliveryState::running; }));
    w.end_turn();
    CHECK(co_await w.until([&] { return w.faulty->calls["renew"] > 0 && w.faulty->calls["mark_read"] > 0; }));
    CHECK(w.state(id) == DeliveryState::done);
    CHECK_FALSE(w.gone(plain));
    w.faulty->faults.clear();
    CHECK(co_await w.until([&] { return w.gone(id) && w.gone(plain); }));
    CHECK(co_await w.unread_count() == 0);
    CHECK(w.session.handed.size() == 3);
    auto const task = co_await w.bus->task(9);
    CHECK(task->status == TaskStatus::done);
  };
  with_world(story);
}

TEST_CASE("AnAbsentOutcomeHandsItAgainWithTheSameCorrelationId") {
  auto story = [](World& w) -> awaitable<void> {
    int tries = 0;
    w.session.says = RecordedOutcome::absent;
    w.session.on_hand = [&](Prompt const&) {
      SubmitResult submission;
      submission.outcome = ++tries == 1 ? SubmitOutcome::unknown : SubmitOutcome::accepted;
      return submission;
    };
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    REQUIRE(w.session.handed.size() == 2);
    CHECK(w.session.handed[0].correlation_id == w.session.handed[1].correlation_id);
  };
  with_world(story);
}

TEST_CASE("ABusyProviderGetsUrgentMessagesOnlyAndTheRestInOrderLater") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.closed_unless_urgent = "a turn is running";
    auto const plain = co_await w.send();
    auto const other = co_await w.send();
    auto const urgent = co_await w.send([](NewMessage& m) { m.payload["urgent"] = true; });
    CHECK(co_await w.until([&] { return w.session.handed.size() == 1; }));
    CHECK(w.session.handed[0].message_id == urgent);
    CHECK(w.queue->open().at(plain).held == "a turn is running");
    w.session.closed_unless_urgent.clear();
    w.queue->outcomes().on_gate_changed();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 3; }));
    CHECK(w.session.handed[1].message_id == plain);
    CHECK(w.session.handed[2].message_id == other);
  };
  with_world(story);
}

TEST_CASE("AHeldAttemptGoesBackAndIsTriedAgainWhenTheGateMoves") {
  auto story = [](World& w) -> awaitable<void> {
    int tries = 0;
    w.session.on_hand = [&](Prompt const&) {
      SubmitResult submission;
      submission.outcome = ++tries == 1 ? SubmitOutcome::held : SubmitOutcome::accepted;
      submission.reason = "a dialog is open";
      return submission;
    };
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return tries == 1 && w.state(id) == DeliveryState::queued; }));
    CHECK(w.queue->held_reason() == "a dialog is open");
    w.queue->outcomes().on_gate_changed();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
  };
  with_world(story);
}

TEST_CASE("WhatComesWhileTheUnreadAreFetchedWaitsForThem") {
  test::TempDir temp;
  net::io_context io(1);
  World w(io, temp.path());
  w.fetches = false;
  test::run(io, [&]() -> awaitable<void> {
    co_await w.load();
    auto const young = co_await w.send();
    CHECK(co_await w.until([&] { return w.queue->held_reason().find("being fetched") != std::string::npos; }));
    CHECK(w.session.handed.empty());
    w.queue->deliveries().add_local(-1, {"operator", "prompt", "never was on the bus"});
    CHECK(co_await w.until([&] { return w.session.handed.size() == 1; }));
    w.end_turn();
    co_await w.queue->intake().fetch_unread(w.who);
    CHECK(co_await w.until([&] { return w.state(young) == DeliveryState::running; }));
    co_await w.end();
  });
}

TEST_CASE("ThousandsOfUnreadMessagesAreFetchedAsTheyAreNeededAndComeInOrder") {
  test::TempDir temp;
  net::io_context io(1);
  World w(io, temp.path());
  w.fetches = false;
  test::run(io, [&]() -> awaitable<void> {
    std::vector<MessageId> ids;
    for (int i = 0; i < 500; ++i) ids.push_back(co_await w.send());
    co_await w.load();
    co_await w.queue->intake().fetch_unread(w.who);
    CHECK(w.queue->deliveries().waiting() == 200);
    ids.push_back(co_await w.send());  // told at once, while 300 before it have not been fetched
    while (w.session.handed.size() < ids.size()) {
      auto const already = w.session.handed.size();
      if (w.turns->running()) w.end_turn();
      if (w.queue->intake().wants_more()) co_await w.queue->intake().fetch_unread(w.who);
      REQUIRE(co_await w.until([&] { return w.session.handed.size() > already && w.turns->running(); }));
    }
    std::vector<MessageId> handed;
    for (auto const& prompt : w.session.handed) handed.push_back(prompt.message_id);
    CHECK(handed == ids);
    CHECK_FALSE(w.queue->intake().wants_more());
    co_await w.end();
  });
}

TEST_CASE("WhatCannotBeProvedIsNeitherAcknowledgedNorTypedTwice") {
  auto story = [](World& w) -> awaitable<void> {
    w.session.on_hand = [](Prompt const&) {
      SubmitResult submission;
      submission.outcome = SubmitOutcome::unverified;
      return submission;
    };
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(co_await w.unread_count() == 1);
    auto unread = co_await w.bus->unread(w.who, 10);
    for (auto& m : *unread) w.queue->intake().offer(m);
    co_await sleep_for(30ms);
    CHECK(w.session.handed.size() == 1);
  };
  with_world(story);
}
