// A lease as time passes, and the documents on the server: without a server.
#include "relay/nats/lease.hpp"

#include "relay/nats/bus_time.hpp"
#include "relay/nats/envelope.hpp"
#include "relay/nats/message_view.hpp"
#include "relay/nats/names.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::nats;
using namespace std::chrono_literals;

namespace {
WallTime const kNow = from_millis(1'700'000'000'000);

Lease held_until(WallTime until) {
  Lease lease;
  lease.state = LeaseState::held;
  lease.holder = "a";
  lease.token_hash = "hash";
  lease.until = until;
  lease.deliveries = 1;
  lease.reads["a"] = kNow;
  lease.reads["b"] = kNow;
  return lease;
}
}  // namespace

TEST_CASE("LeaseEndsAtItsTimeAndTakesItsHoldersReadMarkBack") {
  auto const lease = held_until(kNow + 1s);
  CHECK(settled(lease, kNow + 999ms).state == LeaseState::held);
  auto const ended = settled(lease, kNow + 1s);
  CHECK(ended.state == LeaseState::free);
  CHECK(ended.holder.empty());
  CHECK(ended.token_hash.empty());
  CHECK(ended.deliveries == 1);
  CHECK_FALSE(ended.reads.contains("a"));
  CHECK(ended.reads.contains("b"));
}

TEST_CASE("ADocumentOfAnotherShapeIsNotOurs") {
  auto const deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (auto const& lease : {std::string(R"({"state":"held","deliveries":1,"until":"soon"})"),
                            std::string(R"({"state":"free","deliveries":1,"until":1e400})"),
                            std::string(R"({"state":"free","deliveries":1,"recipients":[7]})"),
                            std::string(R"({"state":"free","deliveries":1,"reads":[7]})"),
                            R"({"state":"free","deliveries":1,"x":)" + deep + "}"})
    CHECK_FALSE(lease_from(lease).has_value());
  auto const head = [](std::string const& more) {
    return R"({"from":"a","to":"b","kind":"chat","payload":{},"at":1,"keep":1)" + more + "}\nbody";
  };
  REQUIRE(envelope_from(head("")).has_value());
  for (auto const& more :
       {std::string(R"(,"subject":7)"), std::string(R"(,"replyTo":"1")"), std::string(",\"x\":1e400"),
        std::string(R"(,"attachments":[7])"), std::string(R"(,"recipients":"a")"), ",\"x\":" + deep})
    CHECK_FALSE(envelope_from(head(more)).has_value());
  // Times at the edge of the numbers: what is reckoned with them does not overflow.
  auto const far = lease_from(R"({"state":"held","deliveries":1,"holder":"a","until":9223372036854775807})");
  REQUIRE(far.has_value());
  CHECK(settled(*far, kNow).state == LeaseState::held);
  CHECK(far->until + milliseconds(INT64_MAX / 2) > far->until);

  MessageView view([](MessageId) {});
  view.take_message(1, head(""));
  std::uint64_t revision = 1;
  for (auto const& state : {std::string("7"), std::string("[]"), std::string(R"({"agent":7,"at":[]})"),
                            std::string(R"({"by":"a","word":7,"at":1e400})"), deep})
    for (auto const* what : {"1.read.x", "1.reaction.x", "1.waived.x", "1.lease", "1.outline"})
      view.take_state(what, state, ++revision, kNow);
  CHECK(view.size() == 1);
}

TEST_CASE("LastLeaseEndsAmongTheDeadWhoeverLooks") {
  auto lease = held_until(kNow);
  lease.last = true;
  auto const ended = settled(lease, kNow + 1h);
  CHECK(ended.state == LeaseState::dead);
  CHECK(ended.dead_at == kNow);
}

TEST_CASE("LeaseIsTheSameAfterItsWayThroughADocument") {
  auto lease = held_until(kNow + 5min);
  lease.not_before = kNow + 1s;
  lease.kept_since = kNow;
  lease.recipients = {"x", "y z"};
  auto const again = lease_from(to_json(lease).dump());
  REQUIRE(again.has_value());
  CHECK(to_json(*again) == to_json(lease));
  for (char const* strange : {"", "{}", "[]", "nonsense", R"({"state":"flying","deliveries":1})", R"({"state":3})"})
    CHECK_FALSE(lease_from(strange).has_value());
}

TEST_CASE("EnvelopeKeepsABodyOfAnyText") {
  Envelope envelope;
  envelope.message.from = "alice";
  envelope.message.to = "tag:team";
  envelope.message.kind = "chat";
  envelope.message.body = std::string("two\nlines \0 and a zero", 22);
  envelope.recipients = {"a", "b"};
  envelope.keep = 24h;
  auto const again = envelope_from(to_text(envelope));
  REQUIRE(again.has_value());
  CHECK(again->message.body == envelope.message.body);
  CHECK(again->recipients == envelope.recipients);
  for (char const* strange : {"", "\n", "{}\n", "nonsense", "{}", "{\"from\":1}\nbody"})
    CHECK_FALSE(envelope_from(strange).has_value());
}

TEST_CASE("ViewIgnoresWhatIsNotOurs") {
  int announced = 0;
  MessageView view([&](MessageId) { ++announced; });
  view.take_message(1, "nonsense");
  for (char const* key : {"clock", "", "x.lease", "1", "1.", "1.other", "-1.lease", "99999999999999999999.lease"})
    view.take_state(key, "nonsense", 1, kNow);
  view.take_state("1.read.a", "[]", 2, kNow);
  view.take_state("1.lease", "{}", 3, kNow);
  CHECK(view.find(1) == nullptr);
  CHECK(announced == 0);
}

TEST_CASE("StateMayComeBeforeItsMessage") {
  MessageView view([](MessageId) {});
  view.take_state("7.read.worker", R"({"agent":"worker","at":1700000000000})", 1, kNow);
  Envelope envelope;
  envelope.message.from = "alice";
  envelope.message.to = "worker";
  envelope.message.kind = "chat";
  envelope.message.created_at = kNow;
  envelope.keep = 24h;
  view.take_message(7, to_text(envelope));
  Identity worker;
  worker.agent_id = "worker";
  CHECK(view.unread(worker, 10, 0, kNow).empty());
  REQUIRE(view.find(7) != nullptr);
  CHECK(view.read_by(*view.find(7), "worker", kNow));
}

TEST_CASE("KeysAreMadeOfPlainLetters") {
  CHECK(key_token("worker-1_a") == "worker-1_a");
  CHECK(key_token("a b.c*>") == "a=20b=2Ec=2A=3E");
  CHECK(key_token("\xC3\xA4") == "=C3=A4");
  Names const names("fleet");
  CHECK(names.stream(Store::messages) == "fleet-messages");
  CHECK(names.stream(Store::state) == "KV_fleet-state");
  CHECK(names.key(Store::state, "$KV.fleet-state.12.lease") == "12.lease");
  CHECK(names.key(Store::state, "$KV.other-state.12.lease").empty());
}

TEST_CASE("BusTimeGoesByTheServerAndIsToldInOurs") {
  ManualClock clock(kNow + 1h);  // an hour ahead of the server
  BusTime time;
  CHECK(time.set(kNow, Clock::now(), true));
  CHECK(time.now() == kNow);
  CHECK(time.ahead() == 1h);
  clock.advance(10min);
  CHECK(time.now() == kNow + 10min);
  CHECK(time.local(kNow) == kNow + 1h);
  CHECK(time.at(kNow + 15min) == Clock::now() + 5min);
  // The server's clock is set while we are connected: no lease ends by that.
  CHECK_FALSE(time.set(kNow + 2h, Clock::now(), false));
  CHECK(time.now() == kNow + 10min);
  CHECK(time.set(kNow + 10min + 1s, Clock::now(), false));
}

TEST_CASE("AMessageThatIsForgottenIsOwedByNobodyNotEvenByAFormerHolder") {
  auto const envelope = [] {
    Envelope asking;
    asking.message.from = "c";
    asking.message.to = "tag:q";
    asking.message.kind = "task";
    asking.message.payload = {{"replyRequested", true}};
    asking.message.claimable = true;
    asking.message.created_at = kNow;
    asking.keep = 1h;
    return to_text(asking);
  }();
  MessageView view([](MessageId) {});
  using Owed = std::vector<MessageId>;
  SUBCASE("TheMessageIsHeardOfFirst") {
    view.take_message(7, envelope);
    view.take_state("7.lease", to_json(held_until(kNow + 1s)).dump(), 1, kNow);
  }
  SUBCASE("TheLeaseIsHeardOfFirst") {
    view.take_state("7.lease", to_json(held_until(kNow + 1s)).dump(), 1, kNow);
    view.take_message(7, envelope);
  }
  CHECK(view.owed_by("a", kNow) == Owed{7});
  // The lease ends, and with it the read mark of its holder.
  view.take_state("7.lease", to_json(settled(held_until(kNow + 1s), kNow + 1s)).dump(), 2, kNow + 1s);
  CHECK(view.owed_by("a", kNow + 1s).empty());
  CHECK(view.owed_by("b", kNow + 1s) == Owed{7});
  view.forget(7);
  for (auto const* agent : {"a", "b", "c"}) CHECK(view.owed_by(agent, kNow + 2s).empty());
}

TEST_CASE("StateOfAMessageThatNeverCameIsForgottenWhole") {
  MessageView view([](MessageId) {});
  view.take_state("7.read.a", R"({"agent":"a","at":1700000000000})", 1, kNow);
  view.forget(7);
  CHECK(view.owed_by("a", kNow).empty());
  MessageFilter of_a;
  of_a.agent = "a";
  CHECK(view.list(of_a, kNow).empty());
}
