#include "daemon/delivery/leases.hpp"

#include "faulty_bus.hpp"
#include "relay/embedded/embedded_bus.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;

namespace {

/// One claimed message of agent "a", held by Leases, on a clock that only the test moves.
struct Room {
  ManualClock clock;
  test::TempDir dir;
  net::io_context io{1};
  std::unique_ptr<relay::EmbeddedBus> real = *relay::EmbeddedBus::open(io.get_executor(), dir.path() / "relay.db", {});
  test::FaultyBus bus{*real};
  std::string token;
  int lost = 0;
  Leases leases{io.get_executor(), bus, [this](MessageId, std::string fresh) { token = std::move(fresh); },
                [this](MessageId, Error const&) { ++lost; }};
  TaskGroup tasks{io.get_executor(), "leases"};
  MessageId id = 0;

  Room() {
    test::run(io, [this]() -> awaitable<void> {
      NewMessage work;
      work.from = "bob";
      work.to = "tag:build";
      work.body = "build it";
      work.claimable = true;
      auto const sent = co_await bus.send(work);
      id = sent->message.id;
      auto const claim = co_await bus.claim(id, "a");
      REQUIRE(claim.has_value());
      token = claim->token;
      leases.hold(*claim);
    });
    tasks.spawn("run", leases.run());
    pass(0ms);
  }
  ~Room() {
    test::run(io, [this]() -> awaitable<void> {
      co_await tasks.stop();
      co_await real->stop();
    });
  }
  /// The bus does one thing after the other: what was due has been asked when this returns.
  void pass(milliseconds time) {
    test::advance(io, clock, time);
    (void)others_claim();
    test::advance(io, clock, 0ms);
  }
  std::string others_claim() {
    std::string code;
    test::run(io, [&]() -> awaitable<void> {
      auto const claim = co_await real->claim(id, "b");
      code = claim ? "taken" : claim.error().code;
    });
    return code;
  }
  int renewals() { return bus.calls["renew"]; }
};

}  // namespace

TEST_CASE("LeasesAreRenewedEveryFiveMinutesAndAlwaysBeforeHalfIsGone") {
  CHECK(Leases::renew_after(15min) == 5min);
  CHECK(Leases::renew_after(1h) == 5min);
  CHECK(Leases::renew_after(4min) == 2min);
  CHECK(Leases::renew_after(1s) == 500ms);
  CHECK(Leases::renew_after(-1s) == 100ms);
}

TEST_CASE("ALeaseIsRenewedAfterFiveMinutesAndNoEarlier") {
  Room room;
  for (int renewals = 0; renewals < 3; ++renewals) {
    room.pass(5min - 1ms);
    REQUIRE(room.renewals() == renewals);
    room.pass(1ms);
    REQUIRE(room.renewals() == renewals + 1);
  }
}

TEST_CASE("WorkThatOutlastsItsLeaseStaysWithItsHolder") {
  Room room;
  for (int minute = 0; minute < 120; ++minute) {
    room.pass(1min);
    REQUIRE(room.others_claim() == "already_claimed");
  }
  CHECK(room.renewals() == 24);
  CHECK(room.lost == 0);
}

TEST_CASE("ALeaseIsAskedForAgainWhileTheBusIsAwayAndGivenUpWhenItIsLost") {
  Room room;
  for (auto const& passing : {timed_out("no answer"), internal("disk", "the disk fails"),
                              Error{ErrorKind::unauthorized, "unauthorized", "a token to be changed"}}) {
    room.bus.faults["renew"] = passing;
    room.pass(5min);
    CHECK(room.lost == 0);
    room.bus.faults.clear();
    room.pass(5s);
  }
  room.bus.calls["renew"] = 0;
  room.bus.faults["renew"] = unavailable("bus_away", "the bus is away");
  room.pass(5min);
  CHECK(room.renewals() == 1);
  for (int i = 0; i < 3; ++i) room.pass(5s);
  CHECK(room.renewals() == 4);
  room.bus.faults.clear();
  room.pass(5s);
  CHECK(room.renewals() == 5);
  room.pass(4min);
  CHECK(room.renewals() == 5);  // that one was good
  CHECK(room.lost == 0);

  // The bus was away for too long: somebody else has it by now.
  room.bus.faults["renew"] = unavailable("bus_away", "the bus is away");
  room.clock.advance(16min);
  CHECK(room.others_claim() == "taken");
  room.bus.faults.clear();
  room.pass(5s);
  CHECK(room.lost == 1);
  auto const asked = room.renewals();
  room.pass(1h);
  CHECK(room.renewals() == asked);
}
