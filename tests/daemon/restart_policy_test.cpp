#include "daemon/restart_policy.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;

namespace {
Clock::time_point at(Clock::duration t) { return Clock::time_point(t); }
}  // namespace

TEST_CASE("QuickDeathsAreRestartedThreeTimesThenGivenUp") {
  RestartPolicy policy;
  CHECK(policy.on_exit(at(1s), 1s).wait == 500ms);
  CHECK(policy.on_exit(at(3s), 1s).wait == 1000ms);
  CHECK(policy.on_exit(at(5s), 1s).wait == 1500ms);
  auto const fourth = policy.on_exit(at(7s), 1s);
  CHECK(fourth.exits == 4);
  CHECK_FALSE(fourth.wait.has_value());
}

TEST_CASE("LongLivedProcessesAreAlwaysRestartedWithAGrowingWait") {
  RestartPolicy policy;
  for (int n = 1; n <= 30; ++n) {
    auto const decision = policy.on_exit(at(n * 3s), 30s);
    REQUIRE(decision.wait.has_value());
    CHECK(*decision.wait == std::min(10'000ms, 500ms * n));
  }
}

TEST_CASE("ExitsOlderThanTwoMinutesNoLongerCount") {
  RestartPolicy policy;
  for (int n = 0; n < 3; ++n) policy.on_exit(at(0s), 1s);
  CHECK(policy.on_exit(at(120s), 1s).exits == 4);
  CHECK(policy.on_exit(at(121s), 1s).exits == 2);
  policy.forget();
  CHECK(policy.on_exit(at(122s), 1s).exits == 1);
}
