// When an agent whose provider refuses work may try again.
#include "daemon/limits/provider_hold.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;
using adapters::TurnEnded;

namespace {

TurnEnded refused(std::string kind, std::optional<WallTime> resets_at = std::nullopt) {
  TurnEnded end;
  end.outcome = TurnEnded::Outcome::failed;
  end.error_kind = std::move(kind);
  end.error = "no";
  end.did_nothing = true;
  end.resets_at = resets_at;
  return end;
}

/// How long it holds after each of so many refusals in a row, in seconds.
std::vector<long> waits(std::string const& kind, int times, double jitter = 0) {
  ManualClock clock;
  ProviderHold hold;
  std::vector<long> all;
  for (int i = 0; i < times; ++i) {
    auto const end = refused(kind);
    hold.refuse(*refusal_in(end), end, jitter);
    auto const wait = hold.next_look() - Clock::now();
    clock.advance(wait - 1ms);
    CHECK_FALSE(hold.may_probe());
    clock.advance(1ms);
    CHECK(hold.may_probe());
    all.push_back(std::chrono::duration_cast<std::chrono::seconds>(wait).count());
  }
  return all;
}

}  // namespace

TEST_CASE("ARefusalIsToldFromAFailureOfTheMessage") {
  for (auto const* kind : {"usage_limit", "rate_limit", "billing_error"})
    CHECK(refusal_in(refused(kind)) == Refusal::limit);
  for (auto const* kind : {"authentication_failed", "oauth_org_not_allowed"})
    CHECK(refusal_in(refused(kind)) == Refusal::login);
  for (auto const* kind : {"overloaded", "server_error", "connection_failed", "http_error", "model_not_found"})
    CHECK(refusal_in(refused(kind)) == Refusal::away);
  for (auto const* kind : {"context_window", "invalid_request", "max_output_tokens", "unknown", "other", ""})
    CHECK_FALSE(refusal_in(refused(kind)).has_value());
  auto end = refused("usage_limit");
  end.outcome = TurnEnded::Outcome::interrupted;
  CHECK_FALSE(refusal_in(end).has_value());
}

TEST_CASE("AnEndInTheMinuteThatHasBegunIsAKnownOne") {
  ManualClock clock;
  auto const wait_after = [](milliseconds ago) {
    ProviderHold hold;
    hold.refuse(Refusal::limit, refused("usage_limit", wall_now() - ago), 0);
    return hold.next_look() - Clock::now();
  };
  CHECK(wait_after(0ms) == wait_after(59s));
  CHECK(wait_after(59s) < 1min);
  CHECK(wait_after(60s) == 15min);
}

TEST_CASE("WithoutAKnownEndItIsTriedLessAndLessOften") {
  CHECK(waits("usage_limit", 5) == std::vector<long>{900, 1800, 3600, 7200, 7200});
  CHECK(waits("rate_limit", 3) == std::vector<long>{60, 120, 240});
  CHECK(waits("overloaded", 7) == std::vector<long>{30, 60, 120, 240, 480, 900, 900});
  CHECK(waits("authentication_failed", 4) == std::vector<long>{300, 600, 1200, 1800});
  CHECK(waits("overloaded", 40).back() == 900);
  CHECK(waits("overloaded", 2, 1.0) == std::vector<long>{37, 75});
}

TEST_CASE("AKnownEndIsWaitedForWithAMargin") {
  for (auto const& [jitter, margin] : {std::pair{0.0, 30s}, std::pair{1.0, 90s}}) {
    ManualClock clock;
    ProviderHold hold;
    auto const resets_at = wall_now() + 3h;
    hold.refuse(Refusal::limit, refused("usage_limit", resets_at), jitter);
    CHECK(hold.shown()["kind"] == "limit");
    CHECK(hold.shown()["resetsAt"] == to_iso8601(resets_at));
    CHECK(hold.shown()["until"] == to_iso8601(resets_at + margin));
    CHECK(hold.reason("agent-runner restart a").find(to_iso8601(resets_at + margin)) != std::string::npos);
    CHECK(hold.reason("agent-runner restart a").find("`agent-runner restart a`") != std::string::npos);
    clock.advance(3h + margin - 1ms);
    CHECK_FALSE(hold.may_probe());
    clock.advance(1ms);
    CHECK(hold.may_probe());
    CHECK(hold.is_on());
  }
}

TEST_CASE("AnEndThatCannotBeRightIsAsGoodAsNone") {
  for (milliseconds const wrong : {milliseconds(-1h), milliseconds(-1min), milliseconds(24h * 400)}) {
    ManualClock clock;
    ProviderHold hold;
    hold.refuse(Refusal::limit, refused("usage_limit", wall_now() + wrong), 0);
    CHECK(hold.next_look() - Clock::now() == 15min);
  }
}

TEST_CASE("ATurnThatGoesThroughLiftsItAndTheCountBeginsAnew") {
  ManualClock clock;
  ProviderHold hold;
  CHECK_FALSE(hold.lift());
  CHECK(hold.shown().is_null());
  CHECK_FALSE(hold.may_probe());
  for (int i = 0; i < 3; ++i) hold.refuse(Refusal::away, refused("overloaded"), 0);
  CHECK(hold.lift());
  CHECK_FALSE(hold.is_on());
  hold.refuse(Refusal::away, refused("overloaded"), 0);
  CHECK(hold.next_look() - Clock::now() == 30s);
}

TEST_CASE("OneFailureAfterTheOtherBeforeAnythingIsDoneHoldsToo") {
  ManualClock clock;
  ProviderHold hold;
  auto const end = refused("something new");
  auto did = end;
  did.did_nothing = false;
  for (int i = 0; i < 2; ++i) CHECK_FALSE(hold.failed(end, 0));
  CHECK_FALSE(hold.failed(did, 0));
  hold.lift();  // as that one says that it works
  for (int i = 0; i < 2; ++i) CHECK_FALSE(hold.failed(end, 0));
  CHECK_FALSE(hold.is_on());
  CHECK(hold.failed(end, 0));
  CHECK(hold.shown()["kind"] == "fails");
  CHECK(hold.next_look() - Clock::now() == 30s);
  CHECK(hold.failed(end, 0));
  CHECK(hold.next_look() - Clock::now() == 60s);
}

TEST_CASE("TheNextDaemonGoesOnWithItWhateverTheClockSays") {
  ManualClock clock;
  ProviderHold before;
  CHECK_FALSE(ProviderHold::from_stored(before.stored()).is_on());
  for (auto const& nothing : {json(), json("x"), json::object(), json{{"kind", "unheard of"}}})
    CHECK_FALSE(ProviderHold::from_stored(nothing).is_on());
  for (int i = 0; i < 2; ++i) before.refuse(Refusal::away, refused("overloaded"), 0);
  auto const stored = json::parse(before.stored().dump());
  clock.advance(20s);
  auto after = ProviderHold::from_stored(stored);
  CHECK(after.shown() == before.shown());
  CHECK(after.next_look() - Clock::now() == 40s);
  after.refuse(Refusal::away, refused("overloaded"), 0);
  CHECK(after.next_look() - Clock::now() == 120s);  // it counts on
  clock.advance(1h);
  CHECK(ProviderHold::from_stored(stored).may_probe());
  auto set_back = stored;
  for (auto const* name : {"until", "refusedAt"})
    set_back[name] = set_back[name].get<std::int64_t>() + 1'000'000'000;  // stored on a day that is to come
  CHECK(ProviderHold::from_stored(set_back).next_look() - Clock::now() == 60s);

  ProviderHold limit;
  limit.refuse(Refusal::limit, refused("usage_limit", wall_now() + 3h), 0.5);
  CHECK(ProviderHold::from_stored(limit.stored()).shown() == limit.shown());
}

TEST_CASE("APersonOrAFreshProcessMayHaveMendedIt") {
  ManualClock clock;
  ProviderHold hold;
  hold.probe_now();
  CHECK_FALSE(hold.may_probe());
  hold.refuse(Refusal::limit, refused("usage_limit", wall_now() + 3h), 0);
  hold.process_started();
  CHECK_FALSE(hold.may_probe());
  hold.probe_now();
  CHECK(hold.may_probe());
  hold.lift();
  hold.refuse(Refusal::login, refused("authentication_failed"), 0);
  hold.process_started();
  CHECK_FALSE(hold.may_probe());  // not at once: a process that comes again and again would ask as often
  clock.advance(30s);
  CHECK(hold.may_probe());
}
