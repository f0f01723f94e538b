// A model that refuses work burns none: what it did not begin goes back, and the agent takes nothing until it may.
#include "delivery_world.hpp"

using namespace ar;
using namespace ar::test::delivery;

namespace {

TurnEnded refusal(std::string kind = "usage_limit") {
  TurnEnded end;
  end.outcome = TurnEnded::Outcome::failed;
  end.error_kind = std::move(kind);
  end.error = "not now";
  end.did_nothing = true;
  return end;
}

void claimable(NewMessage& m) {
  m.to = "broadcast";
  m.claimable = true;
}

std::vector<std::string> steps_of(World const& w, MessageId id) {
  std::vector<std::string> names;
  for (auto const& [name, at] : w.queue->open().at(id).steps) names.push_back(name);
  return names;
}

}  // namespace

TEST_CASE("AnAddressedMessageThatTheModelRefusedWaitsAndIsHandedAgainWhenItMay") {
  with_world([](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](NewMessage& m) { m.payload["replyRequested"] = true; });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    auto const first = w.session.handed.at(0).correlation_id;
    CHECK(co_await w.until([&] { return w.queue->open().at(id).acknowledged; }));
    w.queue->outcomes().on_turn_ended(refusal());
    CHECK(w.state(id) == DeliveryState::queued);
    CHECK(co_await w.until([&] { return !w.queue->open().at(id).held.empty(); }));
    auto const& waiting = w.queue->open().at(id);
    CHECK_MESSAGE(waiting.held.find("its usage limit is reached (not now); tried again at ") != std::string::npos,
                  waiting.held);
    CHECK(w.queue->held_reason() == waiting.held);
    CHECK(to_json(waiting, "a")["state"] == "held");
    auto const second = co_await w.send();
    co_await sleep_for(100ms);
    CHECK(w.session.handed.size() == 1);
    CHECK((co_await replies_to(w, id)).empty());

    w.queue->outcomes().probe_now();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    co_await sleep_for(100ms);
    CHECK(w.state(second) == DeliveryState::queued);  // one shows whether the others may follow
    CHECK(w.session.handed.size() == 2);
    CHECK(w.session.handed.at(1).correlation_id != first);
    CHECK(w.session.handed.at(1).body == "hello");
    w.end_turn("at last");
    CHECK(co_await w.until([&] { return w.gone(id) && w.state(second) == DeliveryState::running; }));
    CHECK_FALSE(w.queue->outcomes().hold().is_on());
    CHECK((co_await replies_to(w, id)) == std::vector<std::string>{"at last"});
    CHECK(co_await w.until([&] { return w.faulty->calls["mark_read"] == 2; }));  // once for each of the two
  });
}

TEST_CASE("ARefusedClaimIsFreeForOthersWithItsCountUntouched") {
  relay::BusLimits limits;
  limits.max_deliveries = 1;
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](NewMessage& m) {
      claimable(m);
      m.payload["taskId"] = 5;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.queue->outcomes().on_turn_ended(refusal("overloaded"));
    auto const next = co_await w.send(claimable);
    CHECK(co_await w.until([&] { return w.queue->open().at(id).claim_token.empty(); }));
    CHECK(w.session.handed.size() == 1);
    for (auto const work : {id, next}) {
      auto const claim = co_await w.bus->claim(work, "other");
      REQUIRE_MESSAGE(claim.has_value(), claim.error().message);
      CHECK(claim->delivery_count == 1);
      REQUIRE((co_await w.bus->finish(work, claim->token)).has_value());
    }
    CHECK((co_await w.bus->message(id))->read_by == std::vector<std::string>{"other"});
    CHECK((co_await w.bus->dead_letters())->empty());
    CHECK((co_await w.bus->task(5))->status == TaskStatus::in_progress);
    w.work().clear_terminal();
    CHECK(w.work().status() == "idle");
    // When it may again, it finds that others have done it.
    w.queue->outcomes().probe_now();
    CHECK(co_await w.until([&] { return w.gone(id) && w.gone(next); }));
    CHECK(w.session.handed.size() == 1);
  };
  with_world(story, limits);
}

TEST_CASE("ARefusedClaimIsReleasedOnceTheBusIsBack") {
  relay::BusLimits limits;
  limits.max_deliveries = 1;
  auto story = [](World& w) -> awaitable<void> {
    auto const id = co_await w.send(claimable);
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.faulty->faults["release"] = unavailable("away", "the bus is away");
    w.queue->outcomes().on_turn_ended(refusal());
    CHECK(co_await w.until([&] { return w.faulty->calls["release"] > 1; }));
    CHECK((co_await w.bus->claim(id, "other")).error().code == "already_claimed");
    w.faulty->faults.clear();
    CHECK(co_await w.until([&] { return w.queue->open().at(id).claim_token.empty(); }));
    CHECK((co_await w.bus->claim(id, "other"))->delivery_count == 1);
  };
  with_world(story, limits);
}

TEST_CASE("WhatTheModelBeganIsNotRepeatedButTheAgentTakesNothingMore") {
  with_world([](World& w) -> awaitable<void> {
    w.config().limits_continue = "no";
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    auto end = refusal();
    end.did_nothing = false;
    w.queue->outcomes().on_turn_ended(end);
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto const next = co_await w.send();
    CHECK(co_await w.until([&] { return !w.queue->open().at(next).held.empty(); }));
    CHECK(w.session.handed.size() == 1);
  });
}

TEST_CASE("AMessageThatIsTheProblemFailsAndTheNextIsTaken") {
  with_world([](World& w) -> awaitable<void> {
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.queue->outcomes().on_turn_ended(refusal("context_window"));
    CHECK(co_await w.until([&] { return w.gone(id); }));
    auto const next = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(next) == DeliveryState::running; }));
  });
}

TEST_CASE("AProviderThatFailsEverythingForUnknownReasonsFailsThreeAndNotAll") {
  with_world([](World& w) -> awaitable<void> {
    w.session.before_proof = [&] {
      w.queue->outcomes().on_turn_started();
      w.queue->outcomes().on_turn_ended(refusal("something new"));
    };
    std::vector<MessageId> ids;
    for (int i = 0; i < 10; ++i) ids.push_back(co_await w.send());
    CHECK(co_await w.until([&] { return w.queue->outcomes().hold().is_on(); }));
    co_await sleep_for(200ms);
    CHECK(w.session.handed.size() == 3);
    CHECK(w.queue->deliveries().waiting() == 7);
    // While it goes on like this, each try costs one, and what cannot be worked on blocks nothing.
    w.queue->outcomes().probe_now();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 4 && w.queue->deliveries().waiting() == 6; }));
    w.session.before_proof = {};
    w.queue->outcomes().probe_now();
    CHECK(co_await w.until([&] { return w.state(ids[4]) == DeliveryState::running; }));
    w.end_turn();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 6; }));
  });
}

TEST_CASE("ARefusalThatOnlyTheRecordTellsIsOneAllTheSame") {
  with_world([](World& w) -> awaitable<void> {
    auto const id = co_await w.send(claimable);
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.record_says = refusal();
    SUBCASE("its end was not seen") {
      TurnEnded end;
      end.outcome = TurnEnded::Outcome::unseen;
      w.queue->outcomes().on_turn_ended(end);
    }
    SUBCASE("its process ended with it") { co_await w.queue->outcomes().on_process_gone(); }
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::queued; }));
    CHECK(co_await w.until([&] { return w.queue->open().at(id).claim_token.empty(); }));
    CHECK((co_await w.bus->claim(id, "other")).has_value());
  });
}

TEST_CASE("ADaemonThatEndsWithARefusedMessageLosesNoneAndTellsTheBusOnce") {
  test::TempDir temp;
  net::io_context io(1);
  MessageId addressed = 0, claimed = 0;
  json hold;
  {
    World before(io, temp.path());
    test::run(io, [&]() -> awaitable<void> {
      co_await before.load();
      addressed = co_await before.send();
      CHECK(co_await before.until([&] { return before.state(addressed) == DeliveryState::running; }));
      CHECK(co_await before.until([&] { return before.queue->open().at(addressed).acknowledged; }));
      // Both are given in one turn.
      claimed = co_await before.send(claimable);
      CHECK(co_await before.until([&] { return before.state(claimed) == DeliveryState::running; }));
      before.faulty->faults["release"] = unavailable("away", "the bus is away");
      before.queue->outcomes().on_turn_ended(refusal());
      hold = before.hold;
      co_await before.end();
    });
  }
  World after(io, temp.path());
  after.queue->outcomes().restore(ProviderHold::from_stored(hold));
  test::run(io, [&]() -> awaitable<void> {
    co_await after.load();
    co_await sleep_for(100ms);
    CHECK(after.session.handed.empty());
    CHECK(after.queue->outcomes().hold().is_on());
    CHECK(after.queue->open().at(claimed).claim_token.empty());
    after.queue->outcomes().probe_now();
    CHECK(co_await after.until([&] { return after.state(addressed) == DeliveryState::running; }));
    CHECK(after.faulty->calls["mark_read"] == 0);
    auto const steps = steps_of(after, addressed);
    CHECK(std::ranges::count(steps, "refused by the model") == 1);
    CHECK(std::ranges::count(steps, "accepted") == 2);
    after.end_turn();
    CHECK(
        co_await after.until([&] { return after.gone(addressed) && after.state(claimed) == DeliveryState::running; }));
    after.end_turn();
    CHECK(co_await after.until([&] { return after.gone(claimed); }));
    CHECK((co_await after.bus->claim(claimed, "other")).error().code == "finished");
    co_await after.end();
  });
}

TEST_CASE("ARefusedNoteLeavesTheWorkThatItIsAboutUnderWay") {
  with_world([](World& w) -> awaitable<void> {
    auto const id = co_await w.send([](NewMessage& m) {
      claimable(m);
      m.payload["taskId"] = 9;
    });
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.has_process = false;
    co_await w.queue->outcomes().on_process_gone();
    w.has_process = true;
    w.queue->outcomes().on_ready();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 2 && w.turns->running(); }));
    w.queue->outcomes().on_turn_ended(refusal());
    CHECK(w.state(id) == DeliveryState::running);
    CHECK(w.queue->deliveries().waiting() == 1);
    CHECK((co_await w.bus->claim(id, "other")).error().code == "already_claimed");
    w.queue->outcomes().probe_now();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 3 && w.turns->running(); }));
    CHECK(w.session.handed.at(2).kind == "resume");
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK((co_await w.bus->task(9))->status == TaskStatus::done);
  });
}

TEST_CASE("AClaimEndsWithItsTurnAndNotBefore") {
  with_world([](World& w) -> awaitable<void> {
    auto const id = co_await w.send(claimable);
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    CHECK(co_await w.until([&] { return w.queue->open().at(id).acknowledged; }));
    CHECK((co_await w.bus->message(id))->read_by == std::vector<std::string>{"a"});
    CHECK((co_await w.bus->claim(id, "other")).error().code == "already_claimed");
    w.end_turn();
    CHECK(co_await w.until([&] { return w.gone(id); }));
    CHECK((co_await w.bus->claim(id, "other")).error().code == "finished");
    CHECK(w.faulty->calls["finish"] == 1);
  });
}

TEST_CASE("APersonsOwnTurnAtTheTerminalTellsOfTheProviderToo") {
  with_world([](World& w) -> awaitable<void> {
    w.queue->outcomes().on_turn_started();
    w.queue->outcomes().on_turn_ended(refusal("authentication_failed"));
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return !w.queue->open().at(id).held.empty(); }));
    CHECK(w.queue->held_reason().find("it is not logged in") != std::string::npos);
    w.queue->outcomes().on_turn_started();
    w.end_turn();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
  });
}

namespace {

/// A limit that comes when the model has begun.
awaitable<MessageId> cut_off(World& w) {
  auto const id = co_await w.send([](NewMessage& m) { m.payload["replyRequested"] = true; });
  CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
  auto end = refusal();
  end.did_nothing = false;
  w.queue->outcomes().on_turn_ended(end);
  co_return id;
}

}  // namespace

TEST_CASE("ATurnThatALimitCutsOffGoesOnWhenAPersonSaysSo") {
  with_world([](World& w) -> awaitable<void> {
    auto const id = co_await cut_off(w);
    CHECK(w.state(id) == DeliveryState::running);
    REQUIRE(w.asked_about.size() == 1);
    auto const turn = w.asked_about[0];
    SUBCASE("yes") {
      w.queue->outcomes().go_on(turn, true);
      w.queue->outcomes().go_on(turn, true);  // told twice
      CHECK(w.queue->deliveries().waiting() == 1);
      auto const is_held = [](auto const& entry) {
        return entry.second.kind == "continue" && !entry.second.held.empty();
      };
      CHECK(co_await w.until([&] { return std::ranges::any_of(w.queue->open(), is_held); }));
      CHECK(w.session.handed.size() == 1);  // not before the limit is over
      w.queue->outcomes().probe_now();
      CHECK(co_await w.until([&] { return w.session.handed.size() == 2 && w.turns->running(); }));
      CHECK(w.session.handed.at(1).kind == "continue");
      w.end_turn("finished");
      CHECK(co_await w.until([&] { return w.gone(id); }));
      CHECK((co_await replies_to(w, id)) == std::vector<std::string>{"finished"});
    }
    SUBCASE("no") {
      w.queue->outcomes().go_on(turn, false);
      CHECK(co_await w.until([&] { return w.gone(id); }));
      auto const replies = co_await replies_to(w, id);
      REQUIRE(replies.size() == 1);
      CHECK_MESSAGE(replies[0].find("it was decided not to go on") != std::string::npos, replies[0]);
      CHECK(w.queue->deliveries().waiting() == 0);
    }
    SUBCASE("the agent is suspended meanwhile") {
      w.queue->outcomes().on_rest(false);
      CHECK(w.state(id) == DeliveryState::running);
      CHECK(w.asked_about == std::vector{turn});
      w.queue->outcomes().go_on(turn, true);
      CHECK(w.queue->deliveries().waiting() == 1);  // which wakes it
    }
    SUBCASE("the agent is suspended when a person has said so") {
      w.queue->outcomes().go_on(turn, true);
      w.queue->outcomes().on_rest(false);
      CHECK(w.state(id) == DeliveryState::running);
      CHECK(w.queue->deliveries().waiting() == 1);
    }
    SUBCASE("the agent is stopped meanwhile") {
      w.queue->outcomes().on_rest(true);
      CHECK(w.asked_about.empty());
      CHECK(co_await w.until([&] { return w.gone(id); }));
    }
    SUBCASE("what waits is cancelled") {
      CHECK(w.queue->outcomes().withdraw_waiting("") == 1);
      CHECK(w.asked_about.empty());
      CHECK(co_await w.until([&] { return w.gone(id); }));
    }
  });
}

TEST_CASE("ATurnThatALimitCutsOffGoesOnByItselfOnceAndThenAsks") {
  with_world([](World& w) -> awaitable<void> {
    w.config().limits_continue = "yes";
    auto const id = co_await cut_off(w);
    CHECK(w.asked_about.empty());
    CHECK(w.queue->deliveries().waiting() == 1);
    w.queue->outcomes().probe_now();
    CHECK(co_await w.until([&] { return w.session.handed.size() == 2 && w.turns->running(); }));
    auto end = refusal();
    end.did_nothing = false;
    w.queue->outcomes().on_turn_ended(end);
    CHECK(w.state(id) == DeliveryState::running);
    CHECK(w.asked_about.size() == 1);
    CHECK(w.queue->deliveries().waiting() == 0);
  });
}

TEST_CASE("TheQuestionWhetherACutOffTurnGoesOnOutlastsTheDaemonAndItsNoteIsNotDoubled") {
  test::TempDir temp;
  net::io_context io(1);
  MessageId id = 0;
  for (int round = 0; round < 2; ++round) {
    World before(io, temp.path());
    test::run(io, [&]() -> awaitable<void> {
      co_await before.load();
      if (round == 0) id = co_await cut_off(before);
      CHECK(before.asked_about.size() == 1);
      if (round == 1) {
        before.has_process = false;
        before.queue->outcomes().go_on(before.asked_about.at(0), true);
      }
      co_await before.end();
    });
  }
  World after(io, temp.path());
  test::run(io, [&]() -> awaitable<void> {
    co_await after.load();
    CHECK(after.asked_about.empty());
    CHECK(co_await after.until([&] { return after.session.handed.size() == 1 && after.turns->running(); }));
    CHECK(after.session.handed.at(0).kind == "continue");
    after.end_turn("finished");
    CHECK(co_await after.until([&] { return after.gone(id); }));
    CHECK(co_await after.until([&] { return after.queue->open().empty(); }));
    CHECK(after.session.handed.size() == 1);
    co_await after.end();
  });
}

TEST_CASE("AnAccountsRefusalIsItsAccountsAndNotTheAgents") {
  with_world([](World& w) -> awaitable<void> {
    w.uses = "fake-1";
    auto const id = co_await w.send();
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::running; }));
    w.queue->outcomes().on_turn_ended(refusal());
    CHECK(co_await w.until([&] { return w.state(id) == DeliveryState::queued; }));
    CHECK_FALSE(w.queue->outcomes().hold().is_on());
    CHECK(w.queue->outcomes().limited()["kind"] == "limit");
    CHECK(w.accounts().hold_of("fake-1")["kind"] == "limit");
    CHECK(w.queue->held_reason().find("limits release fake-1") != std::string::npos);
  });
}
