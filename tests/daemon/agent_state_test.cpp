#include "daemon/agent/agent_state.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace ar::daemon;
using S = AgentState;
using I = AgentInput;

namespace {
template <class Check>
void for_every_cell(Check check) {
  for (int s = 0; s < kAgentStates; ++s)
    for (int i = 0; i < kAgentInputs; ++i) check(static_cast<S>(s), static_cast<I>(i));
}
}  // namespace

TEST_CASE("EveryStateAndInputHasAName") {
  std::set<std::string> names;
  for (int s = 0; s < kAgentStates; ++s) {
    auto const name = to_string(static_cast<S>(s));
    CHECK_FALSE(name.empty());
    names.emplace(name);
    CHECK(agent_state_from(name) == static_cast<S>(s));
  }
  CHECK(names.size() == kAgentStates);
  CHECK_FALSE(agent_state_from("nonsense").has_value());
}

TEST_CASE("WhatTheProviderSaysNeverRefusesAndOnlyPeopleAreRefused") {
  for_every_cell([](S s, I i) {
    bool const by_people = i == I::start || i == I::stop || i == I::restart || i == I::suspend || i == I::wake;
    if (!by_people) CHECK_MESSAGE(next_state(s, i).action != Action::refuse, to_string(s), " ", to_string(i));
    if (next_state(s, i).action == Action::refuse) CHECK(next_state(s, i).next == s);
  });
}

TEST_CASE("AnUnexpectedExitRecoversAndAWantedOneSettles") {
  for (S live : {S::starting, S::idle, S::busy, S::waiting}) {
    CHECK(next_state(live, I::exited).next == S::restarting);
    CHECK(next_state(live, I::exited).action == Action::recover);
  }
  CHECK(next_state(S::stopping, I::exited).next == S::stopped);
  CHECK(next_state(S::suspending, I::exited).next == S::suspended);
  // A commanded restart: its exit is followed by the launch at once, without the policy.
  CHECK(next_state(S::restarting, I::exited).action == Action::launch);
}

TEST_CASE("NothingButAPersonStartsWhatIsStoppedOrFailed") {
  for (S rest : {S::stopped, S::failed}) {
    for (int i = 0; i < kAgentInputs; ++i) {
      auto const input = static_cast<I>(i);
      auto const action = next_state(rest, input).action;
      if (action == Action::launch) CHECK((input == I::start || input == I::restart));
    }
  }
}

TEST_CASE("ASecondRestartDoesNotStartASecondProcess") {
  CHECK(next_state(S::restarting, I::restart).action == Action::none);
  CHECK(next_state(S::restarting, I::restart_due).action == Action::launch);
  CHECK(next_state(S::starting, I::restart_due).action == Action::none);
  CHECK(next_state(S::idle, I::restart_due).action == Action::none);
  CHECK(next_state(S::stopped, I::restart_due).action == Action::none);
}

TEST_CASE("StopReachesStoppedFromEverywhere") {
  for_every_cell([](S s, I i) {
    if (i != I::stop) return;
    auto const t = next_state(s, i);
    CHECK((t.next == S::stopping || t.next == S::stopped));
    if (t.next == S::stopping && s != S::stopping && s != S::suspending) CHECK(t.action == Action::terminate);
  });
}

TEST_CASE("OnlyALiveAgentBecomesBusyOrWaits") {
  for_every_cell([](S s, I i) {
    auto const next = next_state(s, i).next;
    if (next == S::busy || next == S::waiting || next == S::idle) CHECK(is_live(s));
  });
}

TEST_CASE("AMessageWakesASuspendedAgentAndNoOther") {
  for_every_cell([](S s, I i) {
    if (i == I::wake) CHECK((next_state(s, i).action == Action::launch) == (s == S::suspended));
  });
}

TEST_CASE("AFaultFailsWhateverIsNotAtRestAndEndsItsProcess") {
  for_every_cell([](S s, I i) {
    if (i != I::faulted) return;
    auto const t = next_state(s, i);
    CHECK(t.next == (s == S::stopped ? S::stopped : S::failed));
    CHECK((t.action == Action::terminate) == (s != S::stopped && s != S::failed && s != S::suspended));
  });
  CHECK(next_state(S::failed, I::exited).next == S::failed);
  CHECK(next_state(S::failed, I::exited).action == Action::settle);  // its tasks are told how they ended
}
