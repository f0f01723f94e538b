// Claimed work and its tasks.
#include "delivery_world.hpp"
#include "support/log_lines.hpp"

using namespace ar;
using namespace ar::test::delivery;

TEST_CASE("AClaimLostToAnotherIsDroppedSilently") {
  auto story = [](World& w) -> awaitable<void> {
    w.has_process = false;
    auto const id = co_await w.send([](NewMessage& m) {
      m.claimable = true;
      m.to = "broadcast";
    });
    auto claim = co_await w.bus->claim(id, "other");
    REQUIRE(claim.has_value());
    w.has_process = true;
    w.queue->outcomes().on_gate_changed();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.session.handed.empty());
  };
  with_world(story);
}

TEST_CASE("ClaimedWorkWhoseProcessGoesBeforeItIsHandedIsHandedToTheNext") {
  auto story = [](World& w) -> awaitable<void> {
    w.goes_after = 1;
    auto const id = co_await w.send([](NewMessage& m) { m.claimable = true; });
    CHECK(co_await w.until([&] { return !w.has_process; }));
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::queued; }));
    CHECK(w.session.handed.empty());
    w.has_process = true;
    w.queue->outcomes().on_ready();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
  };
  with_world(story);
}

TEST_CASE("ClaimedWorkOfAnAgentThatWasStoppedIsFreeForOthersAndForgottenOnceTheyHaveIt") {
  test::TempDir temp;
  {
    net::io_context io(1);
    World w(io, temp.path());
    test::run(io, [&]() -> awaitable<void> {
      co_await w.load();
      w.goes_after = 1;
      w.resting = true;
      auto const id = co_await w.send([](NewMessage& m) { m.claimable = true; });
      CHECK(co_await w.until([&] { return !w.queue->held_reason().empty(); }));
      auto const claim = co_await w.bus->claim(id, "other");
      REQUIRE_MESSAGE(claim.has_value(), claim.error().message);
      w.resting = false;
      w.goes_after = -1;
      w.has_process = true;
      w.queue->outcomes().on_ready();
      CHECK(co_await w.until([&] { return w.gone(id); }));
      CHECK(w.session.handed.empty());
      co_await w.end();
    });
  }
  net::io_context io(1);
  World w(io, temp.path());
  test::run(io, [&]() -> awaitable<void> {
    co_await w.load();
    CHECK(w.queue->open().empty());
    co_await w.end();
  });
}

TEST_CASE("ATaskIsInProgressFromTheClaimAndDoneWithItsTurn") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](NewMessage& m) {
      m.claimable = true;
      m.payload["taskId"] = 7;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    auto task = co_await w.bus->task(7);
    REQUIRE(task.has_value());
    CHECK(task->status == TaskStatus::in_progress);
    CHECK(task->metadata["messageId"] == id);
    CHECK(w.work().is_active("task", "7"));
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK_FALSE(w.work().is_active("task", "7"));
    task = co_await w.bus->task(7);
    CHECK(task->status == TaskStatus::done);
    CHECK(task->body == "Runner observed provider completion for message #" + std::to_string(id));
    CHECK(task->metadata["completedBy"] == "runner");
    auto again = co_await w.bus->claim(id, "other");
    CHECK_FALSE(again.has_value());
  };
  with_world(story);
}

TEST_CASE("ATaskThatCannotBeSetInProgressIsLoggedAndItsMessageGoesOn") {
  with_world([](World& w) -> awaitable<void> {
    test::LogLines log;
    w.faulty->faults["set_task"] = invalid("id", "there are no tasks here");
    auto const id = co_await w.send([](NewMessage& m) {
      m.claimable = true;
      m.payload["taskId"] = 7;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    CHECK_MESSAGE(log.count("agent a: task 7 could not be set in progress: ") == 1, log.text());
    w.faulty->faults.clear();
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto const task = co_await w.bus->task(7);
    REQUIRE(task.has_value());
    CHECK(task->status == TaskStatus::done);
  });
}

TEST_CASE("ATaskThatSomebodyElseHasGotMeanwhileIsNotReportedDone") {
  with_world([](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](NewMessage& m) {
      m.claimable = true;
      m.payload["taskId"] = 11;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    // Its lease ends without anybody here noticing, and another agent takes the work.
    auto const token = w.queue->open().at(id).claim_token;
    REQUIRE((co_await w.bus->release(id, token, 0ms)).has_value());
    auto const other = co_await w.bus->claim(id, "b");
    REQUIRE(other.has_value());
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto const task = co_await w.bus->task(11);
    CHECK(task->status == TaskStatus::in_progress);
    CHECK((co_await w.bus->finish(id, other->token)).has_value());
  });
}

TEST_CASE("ATaskOfAnAgentThatWasStoppedInTheMiddleHasFailed") {
  with_world([](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](NewMessage& m) {
      m.claimable = true;
      m.payload["taskId"] = 12;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.has_process = false;
    co_await w.queue->outcomes().on_process_gone();
    CHECK(w.state(id) == DeliveryState::running);  // a restart would go on with it
    w.resting = true;
    w.queue->outcomes().on_rest(true);
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto const task = co_await w.bus->task(12);
    CHECK(task->status == TaskStatus::failed);
    CHECK(task->body == "interrupted: no process");
    CHECK_FALSE((co_await w.bus->claim(id, "other")).has_value());
  });
}

TEST_CASE("WorkThatCannotBeProvedKeepsNobodyBusyAndNoLease") {
  relay::BusLimits limits;
  limits.lease = 300ms;
  auto story = [](World& w) -> awaitable<void> {
    for (auto const outcome : {SubmitOutcome::unverified, SubmitOutcome::refused}) {
      w.session.on_hand = [&](Prompt const&) {
        SubmitResult submission;
        submission.outcome = outcome;
        return submission;
      };
      auto const id = co_await w.send([](NewMessage& m) {
        m.claimable = true;
        m.payload["taskId"] = 13;
      });
      CHECK(co_await w.until([&] { return w.gone(id); }));
      w.work().clear_terminal();
      CHECK(w.work().status() == "idle");
      auto const begun = Clock::now();
      bool free = false;
      while (!free && Clock::now() - begun < 10s) {
        free = (co_await w.bus->claim(id, "other")).has_value();
        co_await sleep_for(20ms);
      }
      CHECK(free);
    }
  };
  with_world(story, limits);
}

TEST_CASE("AFailedTurnFailsItsTaskWithTheProvidersError") {
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](NewMessage& m) {
      m.claimable = true;
      m.payload["taskId"] = 8;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    TurnEnded end;
    end.outcome = TurnEnded::Outcome::failed;
    end.error = "rate limited";
    w.queue->outcomes().on_turn_ended(end);
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto task = co_await w.bus->task(8);
    CHECK(task->status == TaskStatus::failed);
    CHECK(task->body.find("rate limited") != std::string::npos);
  };
  with_world(story);
}
