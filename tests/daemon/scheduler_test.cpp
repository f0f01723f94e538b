// Who is next, and why the others wait: the decision alone, without a provider, a bus or a clock.
#include "daemon/delivery/scheduler.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;
using Kind = BlockReason::Kind;

namespace {

struct Waiting {
  std::map<MessageId, Delivery> open{};
  Outlook now = ready();

  static Outlook ready() {
    Outlook outlook;
    outlook.agent = "a";
    outlook.fetched_to = 1000;
    return outlook;
  }
  Delivery& add(MessageId id) {
    auto& d = open[id];
    d.message = id;
    return d;
  }
  std::optional<MessageId> next() const { return decide(open, now).next; }
  /// What the one that waits alone is told.
  BlockReason reason() const {
    auto const decision = decide(open, now);
    CHECK_FALSE(decision.next.has_value());
    return decision.blocked.empty() ? BlockReason() : decision.blocked.front().second;
  }
};

}  // namespace

TEST_CASE("WhatNeverWasOnTheBusGoesFirstThenTheBussMessagesByNumber") {
  Waiting w;
  CHECK_FALSE(w.next().has_value());
  std::vector<MessageId> const order{-1, -2, 3, 7, 20};
  for (auto id : {MessageId{20}, MessageId{-2}, MessageId{7}, MessageId{-1}, MessageId{3}}) w.add(id);
  for (auto id : order) {
    CHECK(w.next() == id);
    w.open.erase(id);
  }
}

TEST_CASE("OnlyWhatIsQueuedIsHandedOver") {
  for (int s = 0; s < kDeliveryStates; ++s) {
    Waiting w;
    w.add(1).state = static_cast<DeliveryState>(s);
    CHECK_MESSAGE(w.next().has_value() == (static_cast<DeliveryState>(s) == DeliveryState::queued), s);
  }
}

TEST_CASE("EachBlockHasItsReasonAndTheFirstOfThemIsTold") {
  // From the last that is asked to the first: each hides those before it.
  struct Case {
    Kind kind;
    char const* text;
    bool is_news;
    void (*block)(Outlook&);
  };
  Case const cases[] = {
      {Kind::looking_up, "looked up", false, [](Outlook& o) { o.end_unseen = true; }},
      {Kind::closed, "a dialog", true, [](Outlook& o) { o.closed = "a dialog is open"; }},
      {Kind::doubt, "message 5 is unknown", true, [](Outlook& o) { o.in_doubt = 5; }},
      {Kind::order, "being fetched", false, [](Outlook& o) { o.fetched_to = 1; }},
      {Kind::not_ready, "is starting", false, [](Outlook& o) { o.is_ready = false, o.not_ready = "it is starting"; }},
      {Kind::limited, "limit", false, [](Outlook& o) { o.limit = "its limit is used up"; }},
      {Kind::no_store, "not been reached", false, [](Outlook& o) { o.knows_store = false; }},
      {Kind::no_bus, "superseded", true, [](Outlook& o) { o.no_bus = "superseded"; }},
      {Kind::paused, "is paused", false, [](Outlook& o) { o.paused = "the runtime is paused"; }}};
  Waiting w;
  w.add(9);
  REQUIRE(w.next() == 9);
  for (auto const& c : cases) {
    c.block(w.now);
    auto const why = w.reason();
    CHECK_MESSAGE(why.kind == c.kind, c.text);
    CHECK_MESSAGE(why.text.find(c.text) != std::string::npos, why.text);
    CHECK_MESSAGE(why.is_news == c.is_news, c.text);
  }
  // What has said so already says nothing.
  w.open.at(9).held = w.reason().text;
  CHECK(decide(w.open, w.now).blocked.empty());
}

TEST_CASE("ANoticeGoesBesideWhatClosesTheInput") {
  Waiting w;
  w.add(3);
  w.add(4).kind = "notice";
  w.now.closed = "a turn is running";
  CHECK(w.next() == 4);
  w.now.closed_to_notices = "Claude Code is starting";
  auto const decision = decide(w.open, w.now);
  CHECK_FALSE(decision.next.has_value());
  REQUIRE(decision.blocked.size() == 2);
  CHECK(decision.blocked[1].second.text == "Claude Code is starting");
}

TEST_CASE("WhatNeverWasOnTheBusAsksForNoBus") {
  Waiting w;
  w.add(-1);
  w.now.no_bus = "superseded";
  w.now.knows_store = false;
  w.now.fetched_to = 0;
  CHECK(w.next() == -1);
}

TEST_CASE("APausedRuntimeHandsOutNothingUrgentLocalOrProbing") {
  Waiting w;
  w.add(-1);
  w.add(3);
  w.add(4).urgent = true;
  w.now.paused = "the runtime is paused";
  auto const decision = decide(w.open, w.now);
  CHECK_FALSE(decision.next.has_value());
  CHECK(decision.blocked.size() == 3);
  for (auto const& [id, why] : decision.blocked) CHECK_MESSAGE(why.kind == Kind::paused, id);
  CHECK(why_not_now(w.open.at(3), w.now) == w.now.paused);
}

TEST_CASE("AnUrgentMessageOvertakesWhatWaitsForTheTurnButNotWhatWasNeverFetched") {
  Waiting w;
  w.add(3);
  w.add(4).urgent = true;
  w.now.turn_runs = true;
  w.now.closed = "a turn is running";
  CHECK(w.next() == 4);
  CHECK_FALSE(decide(w.open, w.now).blocked.front().second.is_news);
  w.now.closed_to_urgent = "a dialog is open";
  CHECK_FALSE(w.next().has_value());
  w.now.closed = w.now.closed_to_urgent = "";
  w.now.fetched_to = 2;
  CHECK(w.next() == 4);
  w.now.fetched_to = 0;  // nothing is known of the order yet
  CHECK_FALSE(w.next().has_value());
}

TEST_CASE("NobodyOvertakesWhatIsTriedAgainSoonUnlessItWaitsForSomethingOfItsOwn") {
  Waiting w;
  auto& first = w.add(3);
  w.add(4);
  first.retry_at = w.now.now + 1s;
  CHECK_FALSE(w.next().has_value());
  first.claim_refused = true;
  CHECK(w.next() == 4);
  first.claim_refused = false;
  first.urgent = true;
  CHECK(w.next() == 4);
  first.urgent = false;
  w.now.now = first.retry_at;
  CHECK(w.next() == 3);
}

TEST_CASE("WorkThatCannotBeTakenSoonGoesBackWithItsLease") {
  Waiting w;
  auto& d = w.add(3);
  auto const back = [&] { return to_give_back(w.open, w.now); };
  w.now.closed = "a dialog is open";
  CHECK_FALSE(back().has_value());  // it has no lease
  d.claim_token = "t";
  CHECK(back() == 3);
  w.now.closed = "";
  CHECK_FALSE(back().has_value());
  w.now.is_ready = false;  // it starts: that passes
  w.now.not_ready = "it is starting";
  CHECK_FALSE(back().has_value());
  w.now.at_rest = true;
  CHECK(back() == 3);
  w.now.at_rest = false;
  w.now.limit = "its limit is used up";
  CHECK(back() == 3);
  w.now.limit = "";
  w.now.paused = "the runtime is paused";
  CHECK(back() == 3);
  d.retry_at = w.now.now + 1s;
  CHECK_FALSE(back().has_value());
  d.retry_at = {};
  w.now.knows_store = false;
  CHECK_FALSE(back().has_value());
}
