// An agent's timers towards the bus (docs/bus.md), to the millisecond.
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

/// An agent on the bus, at a moment that is a whole number of minutes on the clock that its timers go by.
struct OnTheMinute {
  OnTheMinute() {
    world.spawn();
    world.until([&] { return world.on_bus(); }, "it is on the bus");
    world.step(0ms);
    auto const past = Clock::now().time_since_epoch() % std::chrono::minutes(1);
    world.step(std::chrono::minutes(1) - past);
    world.bus->calls.clear();
  }
  int calls(char const* call) { return world.bus->calls[call]; }
  World world;
};

/// An agent whose token ends at `end`.
struct Expiring {
  explicit Expiring(std::chrono::seconds lifetime) {
    world.config().agent_token_lifetime_s = lifetime.count();
    world.bus->faults["renew_token"] = unavailable("away", "the bus is away");
    world.spawn();
    world.until([&] { return world.on_bus(); }, "it is on the bus");
    REQUIRE(world.agent().token().expires_at.has_value());
    end = *world.agent().token().expires_at;
    CHECK(world.presence()->meta["auth"]["expiresAt"] == to_millis(end) / 1000);
  }
  void step_to(WallTime time) {
    REQUIRE(time >= wall_now());
    world.step(time - wall_now());
  }
  int renewals() { return world.bus->calls["renew_token"]; }
  World world;
  WallTime end{};
};

}  // namespace

TEST_CASE("AHeartbeatComesEveryThirtySecondsAndNoEarlier") {
  OnTheMinute at;
  for (int beats = 0; beats < 4; ++beats) {
    at.world.step(30s - 1ms);
    REQUIRE(at.calls("heartbeat") == beats);
    at.world.step(1ms);
    REQUIRE(at.calls("heartbeat") == beats + 1);
  }
}

TEST_CASE("LivenessComesEveryTwentySecondsAndNoEarlier") {
  OnTheMinute at;
  for (int ticks = 0; ticks < 6; ++ticks) {
    at.world.step(20s - 1ms);
    for (auto const* call : {"publish_status", "unread", "commands_for"}) {
      CAPTURE(call);
      REQUIRE(at.calls(call) == ticks);
    }
    at.world.step(1ms);
    for (auto const* call : {"publish_status", "unread", "commands_for"}) {
      CAPTURE(call);
      REQUIRE(at.calls(call) == ticks + 1);
    }
  }
}

TEST_CASE("TicksThatWereMissedAreNotMadeUpFor") {
  OnTheMinute at;
  at.world.step(5 * 60s);  // the machine has slept
  for (auto const* call : {"heartbeat", "publish_status", "unread", "commands_for"}) {
    CAPTURE(call);
    CHECK(at.calls(call) == 1);
  }
  Expiring token(1000s);
  token.step_to(token.end - 20s);  // three tries would have been due by then
  CHECK(token.renewals() == 1);
}

TEST_CASE("AHeartbeatCarriesWhatIsKnownByThen") {
  OnTheMinute at;
  at.world.bus->faults["publish_status"] = unavailable("away", "the bus is away");
  at.world.script.emit(adapters::ContextUse{0.5, 1000, 2000, "api", "exact"});
  // As a bus that has lost it.
  json const lost = {{"tmuxSession", nullptr}, {"tmuxSocket", nullptr}};
  REQUIRE(at.world.ask(at.world.bus->real().publish_status("a", "idle", true, lost)).has_value());
  at.world.step(30s - 1ms);
  CHECK(at.world.presence()->meta["context"].is_null());
  CHECK(at.world.presence()->meta["tmuxSession"].is_null());
  at.world.step(1ms);
  CHECK(at.world.presence()->meta["context"]["utilization"] == 0.5);
  CHECK(at.world.presence()->meta["tmuxSession"] == "ar-a");
  CHECK(at.world.presence()->meta["tmuxSocket"] == at.world.services().paths.tmux_socket().string());
  CHECK(at.world.presence()->last_heartbeat == wall_now());
}

TEST_CASE("ATokenIsRenewedWithinItsJitterAndTriedAgainEveryMinute") {
  Expiring token(1000s);
  // The lead is 200 s, the jitter 30 s at most.
  token.step_to(token.end - 230s);
  CHECK(token.renewals() == 0);
  token.step_to(token.end - 200s);
  CHECK(token.renewals() == 1);
  for (int tries = 1; tries < 3; ++tries) {
    token.world.step(60s - 1ms);
    REQUIRE(token.renewals() == tries);
    token.world.step(1ms);
    REQUIRE(token.renewals() == tries + 1);
  }
  token.world.bus->faults.clear();
  token.world.step(60s);
  CHECK(token.renewals() == 4);
  CHECK(token.world.events("runtime-token-renewed").size() == 1);
}

TEST_CASE("ATokenThatLastsLessThanItsLeadIsRenewedASecondLaterAndNoSooner") {
  World world;
  world.config().agent_token_lifetime_s = 59;
  world.spawn();
  world.until([&] { return world.bus->calls["renew_token"] > 0; }, "it is renewed");
  world.settle();
  for (int renewed = world.bus->calls["renew_token"], end = renewed + 5; renewed < end; ++renewed) {
    world.step(world.bus->last["renew_token"] + 1s - 1ms - wall_now());
    REQUIRE(world.bus->calls["renew_token"] == renewed);
    world.step(1ms);
    REQUIRE(world.bus->calls["renew_token"] == renewed + 1);
  }
}
