// The model's service fails and its provider has given up: what did nothing is handed again, so often; where something
// was done a person is asked, and nothing is done twice.
#include "delivery_world.hpp"

using namespace ar;
using namespace ar::test::delivery;

namespace {

TurnEnded failure(std::string kind, bool did_nothing) {
  TurnEnded end;
  end.outcome = TurnEnded::Outcome::failed;
  end.error_kind = std::move(kind);
  end.error = "API Error";
  end.did_nothing = did_nothing;
  return end;
}

void reply_wanted(NewMessage& m) { m.payload["replyRequested"] = true; }

/// A message whose turn runs.
awaitable<MessageId> running(World& w) {
  auto const id = co_await w.send(reply_wanted);
  CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
  co_return id;
}

awaitable<json> reply_payload(World& w, MessageId id) {
  relay::MessageFilter answers;
  answers.reply_to = id;
  auto const found = co_await w.bus->messages(answers);
  co_return found->size() == 1 ? found->front().payload : json(nullptr);
}

}  // namespace

TEST_CASE("WhatDidNothingIsHandedAgainSoOftenAndThenItsSenderIsTold") {
  with_world([](World& w) -> awaitable<void> {
    w.config().retry_max = 2;
    auto const id = co_await running(w);
    for (int tries = 1; tries <= 2; ++tries) {
      w.queue->outcomes().on_turn_ended(failure("overloaded", true));
      CHECK(w.state(id) == DeliveryState::queued);
      CHECK(w.queue->open().at(id).retries == tries);
      w.queue->outcomes().probe_now();
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    }
    w.queue->outcomes().on_turn_ended(failure("overloaded", true));
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.session.handed.size() == 3);
    auto const payload = co_await reply_payload(w, id);
    CHECK(payload["outcome"] == "failed");
    CHECK(payload["code"] == "overloaded");
    auto const replies = co_await replies_to(w, id);
    CHECK_MESSAGE(replies.at(0).find("failed: overloaded: API Error") != std::string::npos, replies.at(0));
  });
}

TEST_CASE("TheWaitBeforeTheFirstTryIsTheConfigurations") {
  with_world([](World& w) -> awaitable<void> {
    w.config().retry_backoff = "2m";
    auto const id = co_await running(w);
    w.queue->outcomes().on_turn_ended(failure("connection_failed", true));
    CHECK(w.state(id) == DeliveryState::queued);
    auto const until = from_iso8601(w.queue->outcomes().limited()["until"].get<std::string>());
    REQUIRE(until.has_value());
    CHECK(*until - wall_now() > 110s);
    CHECK(*until - wall_now() <= 150s);
  });
}

TEST_CASE("AFailureThatIsNotToBeRetriedIsToldAtOnceByItsCode") {
  with_world([](World& w) -> awaitable<void> {
    bool did_nothing = true;
    std::string kind = "server_error", code = "server_error";
    SUBCASE("its kind is not in the list") { w.config().retry_kinds = {"overloaded", "network"}; }
    SUBCASE("none is") {
      w.config().retry_kinds.clear();
      kind = "connection_failed";
      code = "network";
    }
    SUBCASE("never") { w.config().retry_max = 0; }
    SUBCASE("never, and it had done something") {
      w.config().retry_max = 0;
      did_nothing = false;
    }
    auto const id = co_await running(w);
    w.queue->outcomes().on_turn_ended(failure(kind, did_nothing));
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK(w.asked_about.empty());
    CHECK(w.session.handed.size() == 1);
    CHECK((co_await reply_payload(w, id))["code"] == code);
  });
}

TEST_CASE("ClaimedWorkGoesBackToTheOthersWhateverIsConfigured") {
  relay::BusLimits limits;
  limits.max_deliveries = 1;
  auto story = [](World& w) -> awaitable<void> {
    w.config().retry_max = 0;
    auto const id = co_await w.send([](NewMessage& m) {
      m.to = "broadcast";
      m.claimable = true;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.queue->outcomes().on_turn_ended(failure("overloaded", true));
    CHECK(co_await w.until([&] { return w.queue->open().at(id).claim_token.empty(); }));
    CHECK((co_await w.bus->claim(id, "other"))->delivery_count == 1);
  };
  with_world(story, limits);
}

TEST_CASE("WhereSomethingWasDoneAPersonIsAskedAndNothingIsHandedAgain") {
  with_world([](World& w) -> awaitable<void> {
    w.config().limits_continue = "yes";  // which is about limits
    auto const id = co_await running(w);
    w.queue->outcomes().on_turn_ended(failure("overloaded", false));
    CHECK(w.state(id) == DeliveryState::running);
    REQUIRE(w.asked_about.size() == 1);
    SUBCASE("no") {
      w.queue->outcomes().go_on(w.asked_about[0], false);
      CHECK(co_await w.until([&] { return w.gone(id); }));
      CHECK(w.session.handed.size() == 1);
      CHECK((co_await reply_payload(w, id))["code"] == "overloaded");
    }
    SUBCASE("yes") {
      w.queue->outcomes().go_on(w.asked_about[0], true);
      w.queue->outcomes().probe_now();
      CHECK(co_await w.until([&] { return w.session.handed.size() == 2 && w.turns->running(); }));
      CHECK(w.session.handed.at(1).kind == "continue");
      CHECK(w.session.handed.at(1).body.find("The service of your model has failed") == 0);
      w.end_turn("finished");
      CHECK(co_await w.until([&] { return w.gone(id); }));
      CHECK((co_await replies_to(w, id)) == std::vector<std::string>{"finished"});
    }
    SUBCASE("yes, and the note comes to nothing too often") {
      w.config().retry_max = 1;
      w.queue->outcomes().go_on(w.asked_about[0], true);
      for (std::size_t tries = 2; tries <= 3; ++tries) {
        w.queue->outcomes().probe_now();
        CHECK(co_await w.until([&] { return w.session.handed.size() == tries && w.turns->running(); }));
        w.queue->outcomes().on_turn_ended(failure("overloaded", true));
      }
      CHECK(co_await w.until([&] { return w.gone(id); }));
      for (auto const& prompt : w.session.handed) CHECK((&prompt == &w.session.handed[0]) == (prompt.kind == "chat"));
      CHECK((co_await reply_payload(w, id))["code"] == "overloaded");
    }
  });
}

TEST_CASE("TheQuestionAboutAFailureOutlastsTheDaemonWithItsCode") {
  test::TempDir temp;
  net::io_context io(1);
  MessageId id = 0;
  {
    World before(io, temp.path());
    test::run(io, [&]() -> awaitable<void> {
      co_await before.load();
      id = co_await running(before);
      before.queue->outcomes().on_turn_ended(failure("server_error", false));
      co_await before.end();
    });
  }
  World after(io, temp.path());
  test::run(io, [&]() -> awaitable<void> {
    co_await after.load();
    REQUIRE(after.asked_about.size() == 1);
    after.queue->outcomes().go_on(after.asked_about[0], false);
    CHECK(co_await after.until([&] { return after.gone(id); }));
    CHECK(after.session.handed.empty());
    CHECK((co_await reply_payload(after, id))["code"] == "server_error");
    co_await after.end();
  });
}

TEST_CASE("ATurnThatWasEndedForStandingStillSaysSo") {
  with_world([](World& w) -> awaitable<void> {
    auto const id = co_await running(w);
    w.queue->outcomes().stands_still(w.turns->running()->number, "no sign of life for 10m");
    SUBCASE("it was interrupted") {
      TurnEnded end;
      end.outcome = TurnEnded::Outcome::interrupted;
      w.queue->outcomes().on_turn_ended(end);
    }
    SUBCASE("its process was started again") {
      w.has_process = false;
      co_await w.queue->outcomes().on_process_gone();
    }
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK((co_await reply_payload(w, id))["code"] == "stalled");
    auto const replies = co_await replies_to(w, id);
    CHECK_MESSAGE(replies.at(0).find("interrupted: stalled: no sign of life for 10m") != std::string::npos, replies[0]);
  });
}
