#include "relay/contract/contract.hpp"

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using std::chrono::minutes;

namespace {
constexpr auto kNow = milliseconds(0);
}

TEST_CASE("OnlyOneOfTwoClaimantsHoldsTheMessage") {
  Contract t;
  auto const id = t.send(work_for("tag:team")).id;
  auto const [one, other] = t.both(t.bus().claim(id, "a"), t.bus().claim(id, "b"));
  REQUIRE(one.has_value() != other.has_value());
  auto const& loser = one ? other : one;
  auto const& winner = one ? one : other;
  CHECK(loser.error().code == "already_claimed");
  CHECK(winner->delivery_count == 1);
  CHECK(winner->expires_at - t.good(t.bus().message(id)).created_at >= t.bus().limits().lease);
}

TEST_CASE("ClaimSurvivesARestart") {
  Contract t;
  auto const id = t.send(work_for("tag:team")).id;
  auto const claim = t.good(t.bus().claim(id, "a"));
  t.restart();
  CHECK(t.code(t.bus().claim(id, "b")) == "already_claimed");
  CHECK(t.good(t.bus().renew(id, claim.token)).holder == "a");
  t.good(t.bus().finish(id, claim.token));
  t.restart();
  CHECK(t.code(t.bus().claim(id, "b")) == "finished");
}

TEST_CASE("PlainMessageCannotBeClaimed") {
  Contract t;
  auto const id = t.send(message_to("worker")).id;
  CHECK(t.code(t.bus().claim(id, "worker")) == "not_claimable");
}

TEST_CASE("HolderClaimsAgainAndItsOldTokenIsFencedOff") {
  Contract t;
  auto const id = t.send(work_for("worker")).id;
  auto const old = t.good(t.bus().claim(id, "worker"));
  t.restart();
  auto const present = t.good(t.bus().claim(id, "worker"));
  CHECK(present.token != old.token);
  CHECK(present.delivery_count == 1);
  CHECK(t.code(t.bus().renew(id, old.token)) == "claim_lost");
  CHECK(t.code(t.bus().release(id, old.token, kNow)) == "claim_lost");
  CHECK(t.code(t.bus().finish(id, old.token)) == "claim_lost");
  t.good(t.bus().finish(id, present.token));
}

TEST_CASE("RenewedLeaseLastsFromTheRenewal") {
  Contract t;
  auto const id = t.send(work_for("worker")).id;
  auto const claim = t.good(t.bus().claim(id, "worker"));
  for (int i = 0; i < 5; ++i) {
    t.advance(minutes(10));
    auto const renewed = t.good(t.bus().renew(id, claim.token));
    CHECK(renewed.expires_at > claim.expires_at);
    CHECK(renewed.delivery_count == 1);
  }
  CHECK(t.code(t.bus().claim(id, "other")) == "already_claimed");
  t.advance(minutes(16));
  CHECK(t.code(t.bus().renew(id, claim.token)) == "claim_lost");
}

TEST_CASE("LeaseThatRanOutMakesTheMessageClaimableWithItsCount") {
  Contract t;
  auto const id = t.send(work_for("tag:team")).id;
  auto const lost = t.good(t.bus().claim(id, "a"));
  t.advance(t.bus().limits().lease);
  auto const second = t.good(t.bus().claim(id, "b"));
  CHECK(second.delivery_count == 2);
  // The late holder is refused, whatever it wants, and does the new one no harm.
  CHECK(t.code(t.bus().finish(id, lost.token)) == "claim_lost");
  CHECK(t.code(t.bus().renew(id, lost.token)) == "claim_lost");
  CHECK(t.code(t.bus().release(id, lost.token, kNow)) == "claim_lost");
  t.good(t.bus().finish(id, second.token));
  CHECK(t.good(t.bus().message(id)).read_by == std::vector<std::string>{"b"});
}

TEST_CASE("LateFinishIsRefusedEvenWhenNobodyTookOver") {
  Contract t;
  auto const id = t.send(work_for("worker")).id;
  auto const claim = t.good(t.bus().claim(id, "worker"));
  SUBCASE("while the bus runs") { t.advance(t.bus().limits().lease); }
  SUBCASE("after a restart") {
    t.advance(t.bus().limits().lease);
    t.restart();
  }
  CHECK(t.code(t.bus().finish(id, claim.token)) == "claim_lost");
  CHECK(t.unread(agent("worker")) == std::vector{id});
}

TEST_CASE("LeaseThatEndsWhileTheBusIsClosedIsOver") {
  Contract t;
  auto const id = t.send(work_for("tag:team")).id;
  t.good(t.bus().claim(id, "a"));
  t.advance(minutes(14));
  t.restart();
  CHECK(t.code(t.bus().claim(id, "b")) == "already_claimed");
  t.advance(minutes(1));
  CHECK(t.good(t.bus().claim(id, "b")).delivery_count == 2);
}

TEST_CASE("FinishingMarksItReadAndIsRepeatable") {
  Contract t;
  auto const id = t.send(work_for("worker")).id;
  auto const claim = t.good(t.bus().claim(id, "worker"));
  for (int i = 0; i < 2; ++i) t.good(t.bus().finish(id, claim.token));
  t.advance(minutes(60));
  t.good(t.bus().finish(id, claim.token));
  CHECK(t.good(t.bus().message(id)).read_by == std::vector<std::string>{"worker"});
  CHECK(t.code(t.bus().claim(id, "worker")) == "finished");
  CHECK(t.code(t.bus().renew(id, claim.token)) == "claim_lost");
  CHECK(t.code(t.bus().release(id, claim.token, kNow)) == "claim_lost");
  CHECK(t.code(t.bus().finish(id, "made up")) == "claim_lost");
  CHECK(t.code(t.bus().finish(id, "")) == "claim_lost");
}

TEST_CASE("UnclaimedMessageCannotBeFinishedByAnyToken") {
  Contract t;
  auto const id = t.send(work_for("worker")).id;
  for (char const* token : {"", "made up"}) {
    CHECK(t.code(t.bus().finish(id, token)) == "claim_lost");
    CHECK(t.code(t.bus().renew(id, token)) == "claim_lost");
    CHECK(t.code(t.bus().release(id, token, kNow)) == "claim_lost");
  }
}

TEST_CASE("ReleasedMessageIsClaimableAtOnceOrAfterItsDelay") {
  Contract t;
  auto const team = agent("b", "", {"team"});
  auto const id = t.send(work_for("tag:team")).id;
  auto claim = t.good(t.bus().claim(id, "a"));
  t.good(t.bus().release(id, claim.token, kNow));
  claim = t.good(t.bus().claim(id, "b"));
  CHECK(claim.delivery_count == 2);
  t.good(t.bus().release(id, claim.token, minutes(5)));
  CHECK(t.unread(team).empty());
  CHECK(t.code(t.bus().claim(id, "a")) == "delayed");
  t.restart();
  t.advance(minutes(4));
  CHECK(t.code(t.bus().claim(id, "a")) == "delayed");
  t.advance(minutes(1));
  CHECK(t.unread(team) == std::vector{id});
  CHECK(t.good(t.bus().claim(id, "a")).delivery_count == 3);
  for (auto const span : impossible_spans())
    if (span != milliseconds(0)) CHECK(t.problem(t.bus().release(id, claim.token, span)) == "invalid delay");
}

TEST_CASE("LastDeliveryEndsAmongTheDeadLettersAndCanBeRequeued") {
  BusLimits limits;
  limits.max_deliveries = 3;
  Contract t(limits);
  auto const worker = agent("worker");
  auto const id = t.send(work_for("worker", "poison")).id;
  bool released = false;
  SUBCASE("by leases that ran out") {}
  SUBCASE("by releases") { released = true; }
  for (int delivery = 1; delivery <= 3; ++delivery) {
    CHECK(t.good(t.bus().dead_letters()).empty());
    auto const claim = t.good(t.bus().claim(id, "worker"));
    CHECK(claim.delivery_count == delivery);
    if (released)
      t.good(t.bus().release(id, claim.token, kNow));
    else
      t.advance(limits.lease);
  }
  CHECK(t.unread(worker).empty());
  CHECK(t.code(t.bus().claim(id, "worker")) == "dead_letter");
  t.restart();
  auto const letters = t.good(t.bus().dead_letters());
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].message.id == id);
  CHECK(letters[0].message.body == "poison");
  CHECK(letters[0].delivery_count == 3);
  CHECK(letters[0].reason == "max_deliveries");

  t.good(t.bus().requeue(id));
  CHECK(t.good(t.bus().dead_letters()).empty());
  CHECK(t.unread(worker) == std::vector{id});
  CHECK(t.good(t.bus().claim(id, "worker")).delivery_count == 1);
  CHECK(t.code(t.bus().requeue(id)) == "not_a_dead_letter");
}

TEST_CASE("WorkThatGoesBackUntriedKeepsItsCountAndNeverDiesOfIt") {
  BusLimits limits;
  limits.max_deliveries = 2;
  Contract t(limits);
  auto const team = agent("b", "", {"team"});
  auto const id = t.send(work_for("tag:team")).id;
  t.good(t.bus().release(id, t.good(t.bus().claim(id, "a")).token, kNow));
  // The delivery that may be the last one, again and again.
  for (auto const& delay : {kNow, milliseconds(minutes(5)), kNow}) {
    auto const claim = t.good(t.bus().claim(id, "a"));
    CHECK(claim.delivery_count == 2);
    t.good(t.bus().mark_read(id, "a"));
    t.good(t.bus().release(id, claim.token, delay, Tried::no));
    CHECK(t.code(t.bus().release(id, claim.token, kNow, Tried::no)) == "claim_lost");
    CHECK(t.good(t.bus().message(id)).read_by.empty());
    CHECK(t.unread(team).empty() == (delay > kNow));
    t.advance(delay);
    t.restart();
    CHECK(t.unread(team) == std::vector{id});
  }
  CHECK(t.good(t.bus().dead_letters()).empty());
  auto const last = t.good(t.bus().claim(id, "b"));
  CHECK(last.delivery_count == 2);
  t.good(t.bus().release(id, last.token, kNow));
  CHECK(t.good(t.bus().dead_letters()).size() == 1);
}

TEST_CASE("HolderOfTheLastDeliveryMayStillFinish") {
  BusLimits limits;
  limits.max_deliveries = 1;
  Contract t(limits);
  auto const id = t.send(work_for("worker")).id;
  auto const claim = t.good(t.bus().claim(id, "worker"));
  t.advance(minutes(10));
  t.good(t.bus().finish(id, claim.token));
  t.advance(minutes(10));
  CHECK(t.good(t.bus().dead_letters()).empty());
}
