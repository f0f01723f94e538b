// Who asked for a reply is told how it came out, whatever came of it; once.
#include "delivery_world.hpp"

using namespace ar;
using namespace ar::test::delivery;

namespace {

void asks(NewMessage& m) { m.payload["replyRequested"] = true; }

awaitable<std::vector<Message>> answers_to(World& w, MessageId id) {
  relay::MessageFilter filter;
  filter.reply_to = id;
  auto found = co_await w.bus->messages(filter);
  co_return *found;
}

TurnEnded failed(std::string why) {
  TurnEnded end;
  end.outcome = TurnEnded::Outcome::failed;
  end.error = std::move(why);
  return end;
}

}  // namespace

TEST_CASE("WhoeverAsksIsToldOfEveryEndThatIsNotAnAnswer") {
  with_world([](World& w) -> awaitable<void> {
    std::string outcome, why;
    MessageId id = 0;
    auto const ask = [&]() -> awaitable<void> {
      id = co_await w.send(asks);
      CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    };
    auto const hand = [&](SubmitOutcome result) -> awaitable<void> {
      w.session.on_hand = [&why, result](Prompt const&) {
        SubmitResult submission;
        submission.outcome = result;
        submission.reason = why;
        return submission;
      };
      id = co_await w.send(asks);
    };
    SUBCASE("failed") {
      outcome = "failed";
      why = "the model is too small";
      co_await ask();
      w.queue->outcomes().on_turn_ended(failed(why));
    }
    SUBCASE("interrupted") {
      outcome = "failed";
      why = "interrupted: the provider ended during this turn";
      co_await ask();
      co_await w.queue->outcomes().on_process_gone();
    }
    SUBCASE("without a text") {
      outcome = "done";
      why = "without a text";
      co_await ask();
      w.end_turn("");
    }
    SUBCASE("refused") {
      outcome = "refused";
      why = "it is too large";
      co_await hand(SubmitOutcome::refused);
    }
    SUBCASE("unverified") {
      outcome = "unverified";
      why = "the program proves nothing";
      co_await hand(SubmitOutcome::unverified);
    }
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto const told = co_await answers_to(w, id);
    REQUIRE(told.size() == 1);
    CHECK(told[0].from == "a");
    CHECK(told[0].to == "bob");
    CHECK(told[0].kind == "reply");
    CHECK(told[0].payload["outcome"] == outcome);
    CHECK_FALSE(told[0].reply_requested());
    CHECK_MESSAGE(told[0].body.find("Agent a does not answer message " + std::to_string(id)) == 0, told[0].body);
    CHECK_MESSAGE(told[0].body.find(why) != std::string::npos, told[0].body);
  });
}

TEST_CASE("WhoHasItsAnswerOrAskedForNoneIsNotTold") {
  with_world([](World& w) -> awaitable<void> {
    auto const quiet = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(quiet) == DeliveryState::running; }));
    w.queue->outcomes().on_turn_ended(failed("no"));
    CHECK(co_await w.until([&] { return w.gone(quiet); }));
    CHECK((co_await answers_to(w, quiet)).empty());

    auto const answered = co_await w.send(asks);
    CHECK(co_await w.until([&] { return w.state(answered) == DeliveryState::running; }));
    NewMessage own;
    own.from = "a";
    own.to = "bob";
    own.body = "my own words";
    own.reply_to = answered;
    REQUIRE((co_await w.bus->send(own)).has_value());
    w.queue->outcomes().on_turn_ended(failed("afterwards"));
    CHECK(co_await w.until([&] { return w.gone(answered); }));
    CHECK((co_await replies_to(w, answered)) == std::vector<std::string>{"my own words"});

    // Work that this one refuses may be done by another.
    w.session.on_hand = [](Prompt const&) {
      SubmitResult submission;
      submission.outcome = SubmitOutcome::refused;
      return submission;
    };
    auto const work = co_await w.send([](NewMessage& m) {
      asks(m);
      m.claimable = true;
      m.to = "broadcast";
    });
    CHECK(co_await w.until([&] { return w.gone(work); }));
    CHECK((co_await answers_to(w, work)).empty());
  });
}

TEST_CASE("AnAnswerThatTheBusDoesNotTakeComesAsItsBeginning") {
  relay::BusLimits limits;
  limits.max_body_bytes = 4000;
  auto story = [](World& w) -> awaitable<void> {
    std::string answer;
    for (int i = 0; i < 3000; ++i) answer += "\u00e9";
    auto const id = co_await w.send(asks);
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.end_turn(answer);
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto const told = co_await answers_to(w, id);
    REQUIRE(told.size() == 1);
    CHECK(told[0].body.size() <= 4000);
    CHECK(told[0].body.size() > 3900);
    CHECK(told[0].body.starts_with("\u00e9\u00e9"));
    CHECK_MESSAGE(told[0].body.find("[agent-runner: this is the beginning of 6000 bytes") != std::string::npos,
                  told[0].body);
    CHECK(told[0].payload["outcome"] == "cut");
  };
  with_world(story, limits);
}

TEST_CASE("ADaemonThatEndsBesideTheNoticeTellsItOnce") {
  test::TempDir temp;
  net::io_context io(1);
  MessageId id = 0;
  {
    World before(io, temp.path());
    test::run(io, [&]() -> awaitable<void> {
      co_await before.load();
      id = co_await before.send(asks);
      CHECK(co_await before.until([&] { return before.state(id) == DeliveryState::running; }));
      bool told = false;
      SUBCASE("before it is told") {}
      SUBCASE("after it, and before that is noted") { told = true; }
      if (!told) before.faulty->faults["send"] = unavailable("away", "the bus is away");
      before.queue->outcomes().on_turn_ended(failed("no"));
      if (told)
        CHECK(co_await before.until([&] { return before.gone(id); }));
      else
        CHECK(co_await before.until([&] { return before.faulty->calls["send"] > 0; }));
      if (told) {
        auto const forget = [id](Database& db) {
          db.prepare(
                "UPDATE deliveries SET open = 1, record = json_set(record, '$.reported', json('false'))"
                " WHERE message = ?1")
              .bind(id)
              .run();
        };
        before.journal().write(forget);
      }
      co_await before.end();
    });
  }
  World after(io, temp.path());
  test::run(io, [&]() -> awaitable<void> {
    co_await after.load();
    CHECK(co_await after.until([&] { return after.gone(id); }));
    CHECK((co_await answers_to(after, id)).size() == 1);
    co_await after.end();
  });
}

TEST_CASE("TheRemovalOfAnAgentIsToldToAllWhoWaitForIt") {
  with_world([](World& w) -> awaitable<void> {
    w.has_process = false;
    auto const direct = co_await w.send(asks);
    auto const group = co_await w.send([](NewMessage& m) {
      asks(m);
      m.to = "broadcast";
    });
    auto const free_work = co_await w.send([](NewMessage& m) {
      asks(m);
      m.to = "broadcast";
      m.claimable = true;
    });
    auto const quiet = co_await w.send();
    w.faulty->faults["send"] = unavailable("away", "the bus is away");
    CHECK_FALSE((co_await w.queue->tell_of_removal()).has_value());
    w.faulty->faults.clear();
    for (int i = 0; i < 2; ++i) CHECK((co_await w.queue->tell_of_removal()).has_value());
    for (auto const id : {direct, group}) {
      auto const told = co_await answers_to(w, id);
      REQUIRE(told.size() == 1);
      CHECK(told[0].payload["outcome"] == "removed");
      CHECK(told[0].body.find("it was removed") != std::string::npos);
    }
    for (auto const id : {free_work, quiet}) CHECK((co_await answers_to(w, id)).empty());
  });
}
