#include "daemon/agent/restart_policy.hpp"

#include "daemon/agent/agent_state.hpp"
#include "support/run.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <vector>

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

TEST_CASE("AProgramThatIsMissingIsTriedForTwoMinutesWithTheSameWaits") {
  RestartPolicy policy;
  auto now = at(10s);
  int tries = 0;
  for (auto decision = policy.on_missing(now); decision.wait; decision = policy.on_missing(now)) {
    CHECK(decision.exits == ++tries);
    CHECK(*decision.wait == std::min(10'000ms, 500ms * tries));
    now += *decision.wait;
  }
  CHECK(now - at(10s) >= 2min);
  CHECK(now - at(10s) < 2min + 10s);
  // A process that ran in between, and a person, begin it anew.
  policy.forget();
  CHECK(policy.on_missing(at(200s)).wait == 500ms);
  CHECK(policy.on_missing(at(201s)).wait == 1000ms);
  policy.on_found();
  CHECK(policy.on_missing(at(900s)).wait == 500ms);
}

TEST_CASE("TheHistoryCanBeKeptAndTakenUpAgain") {
  auto const wall = from_millis(1'700'000'000'000);
  RestartPolicy before;
  for (auto const t : {0s, 30s, 60s}) before.on_exit(at(t), 1s);
  auto const kept = before.history(at(70s), wall);
  CHECK(kept == std::vector<WallTime>{wall - 70s, wall - 40s, wall - 10s});
  RestartPolicy after;
  after.remember(kept, at(5s), wall + 20s);  // another start of the machine's clock
  CHECK(after.on_exit(at(6s), 1s).exits == 4);
  // What lies in the future, or too far back, does not count: the clock was set.
  after.remember({wall + 1h, wall - 1h}, at(5s), wall);
  CHECK(after.on_exit(at(6s), 1s).exits == 1);
}

TEST_CASE("AFleetThatDiesAtOnceIsStartedFiveASecond") {
  RestartRateLimiter brake;
  std::vector<milliseconds> waits;
  for (int i = 0; i < 12; ++i) waits.push_back(brake.slot(at(100s), 500ms));
  CHECK(waits == std::vector<milliseconds>{500ms, 500ms, 500ms, 500ms, 500ms, 1500ms, 1500ms, 1500ms, 1500ms, 1500ms,
                                           2500ms, 2500ms});
  // Long after, nobody waits for it.
  CHECK(brake.slot(at(200s), 500ms) == 500ms);
  // A longer wait of one agent does not hold up the others by more than its own second.
  RestartRateLimiter mixed;
  for (int i = 0; i < 5; ++i) CHECK(mixed.slot(at(0s), 10'000ms) == 10'000ms);
  for (int i = 0; i < 5; ++i) CHECK(mixed.slot(at(0s), 500ms) == 500ms);
  CHECK(mixed.slot(at(0s), 500ms) == 1500ms);
  CHECK(mixed.slot(at(0s), 9'500ms) == 11'000ms);
}

TEST_CASE("WhateverTheWaitsNoSecondHasMoreThanFiveStarts") {
  std::mt19937 random(7);
  RestartRateLimiter brake;
  std::vector<Clock::time_point> starts;
  auto now = at(0s);
  for (int i = 0; i < 300; ++i) {
    now += milliseconds(random() % 200);
    milliseconds const wait(random() % 10'000);
    auto const given = brake.slot(now, wait);
    CHECK(given >= wait);
    starts.push_back(now + given);
  }
  std::ranges::sort(starts);
  for (std::size_t i = 5; i < starts.size(); ++i) CHECK(starts[i] - starts[i - 5] >= 1s);
}

// The time line of a provider that lives for a given time after each start, until it is given up or has been started
// often enough: the state machine's own table, the policy's own waits, and a clock that nobody waits for.
TEST_CASE("TheTimeLineOfExitsAndRestarts") {
  auto const tell = [](char const* what, Clock::duration life, int most) {
    ManualClock clock;
    auto const begin = Clock::now();
    RestartPolicy policy;
    auto state = next_state(AgentState::creating, AgentInput::start).next;
    state = next_state(state, AgentInput::launched).next;
    std::printf("%s\n  %10s  %5s  %9s  %s\n", what, "exit at s", "exits", "wait ms", "then");
    for (int i = 0; i < most; ++i) {
      state = next_state(state, AgentInput::ready).next;
      clock.advance(life);
      auto const [ended, action] = next_state(state, AgentInput::exited);
      REQUIRE(action == Action::recover);
      auto const decision = policy.on_exit(Clock::now(), life);
      auto const at_s = std::chrono::duration<double>(Clock::now() - begin).count();
      state = next_state(ended, decision.wait ? AgentInput::restart_due : AgentInput::gave_up).next;
      std::printf("  %10.1f  %5d  %9s  %s\n", at_s, decision.exits,
                  decision.wait ? std::to_string(decision.wait->count()).c_str() : "-",
                  std::string(to_string(state)).c_str());
      if (!decision.wait) return state;
      clock.advance(*decision.wait);
      state = next_state(state, AgentInput::launched).next;
    }
    return state;
  };
  CHECK(tell("lives 1 s each time", 1s, 20) == AgentState::failed);
  CHECK(tell("lives 29 s each time", 29s, 20) == AgentState::failed);
  CHECK(tell("lives 31 s each time", 31s, 8) == AgentState::starting);
  CHECK(tell("lives 3 min each time", 3min, 3) == AgentState::starting);
}
