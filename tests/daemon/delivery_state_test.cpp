#include "daemon/delivery/delivery_state.hpp"

#include "daemon/delivery/delivery.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace ar::daemon;
using namespace std::chrono_literals;
using S = DeliveryState;
using I = DeliveryInput;

namespace {

template <class Check>
void for_every_cell(Check check) {
  for (int s = 0; s < kDeliveryStates; ++s)
    for (int i = 0; i < kDeliveryInputs; ++i) check(static_cast<S>(s), static_cast<I>(i));
}

}  // namespace

TEST_CASE("ARetryWaitsLongerEachTimeAndHalfAMinuteAtMost") {
  CHECK(retry_wait(0) == 500ms);
  CHECK(retry_wait(1) == 500ms);
  CHECK(retry_wait(2) == 1s);
  CHECK(retry_wait(3) == 2s);
  CHECK(retry_wait(7) == 30s);
  CHECK(retry_wait(1'000'000) == 30s);
}

TEST_CASE("EveryDeliveryStateAndInputHasAName") {
  std::set<std::string> names, inputs;
  for (int s = 0; s < kDeliveryStates; ++s) {
    auto const name = to_string(static_cast<S>(s));
    names.emplace(name);
    CHECK(delivery_state_from(name) == static_cast<S>(s));
  }
  for (int i = 0; i < kDeliveryInputs; ++i) inputs.emplace(to_string(static_cast<I>(i)));
  CHECK(names.size() == kDeliveryStates);
  CHECK(inputs.size() == kDeliveryInputs);
  CHECK_FALSE(names.contains(""));
  CHECK_FALSE(delivery_state_from("nonsense").has_value());
}

TEST_CASE("WhatHasEndedStaysAsItIs") {
  for_every_cell([](S s, I i) {
    if (has_ended(s)) CHECK_MESSAGE(next_state(s, i) == s, to_string(s), " ", to_string(i));
  });
}

TEST_CASE("WhatWasTakenIsGivenToNobodyAgainButByTheModelsWord") {
  for_every_cell([](S s, I i) {
    if (is_taken(s) && i != I::turned_away) CHECK_MESSAGE(is_taken(next_state(s, i)), to_string(s), " ", to_string(i));
  });
  for (S taken : {S::accepted, S::running}) CHECK(next_state(taken, I::turned_away) == S::queued);
}

TEST_CASE("WhatMayHaveBeenTypedIsTypedAgainOnlyAfterItsAbsenceIsProved") {
  for_every_cell([](S s, I i) {
    bool const was_typed = s == S::unknown || s == S::submitted;
    if (!was_typed || next_state(s, i) != S::queued) return;
    // `held` is the adapter's word that nothing of it is in the provider.
    CHECK_MESSAGE((i == I::proved_absent ? s == S::unknown : i == I::held && s == S::submitted), to_string(s), " ",
                  to_string(i));
  });
}

TEST_CASE("AProofCountsWheneverItComes") {
  for (S s : {S::queued, S::claimed, S::submitted, S::unknown}) CHECK(next_state(s, I::proved) == S::accepted);
  for_every_cell([](S s, I i) {
    if (!is_taken(s) && is_taken(next_state(s, i)))
      CHECK_MESSAGE((i == I::proved || i == I::store_gone || i == I::withdrawn), to_string(s), " ", to_string(i));
  });
}

TEST_CASE("NothingIsInDoubtThatWasNotHandedOver") {
  for_every_cell([](S s, I i) {
    if (s != S::unknown && next_state(s, i) == S::unknown)
      CHECK_MESSAGE(s == S::submitted, to_string(s), " ", to_string(i));
    bool const attempt = next_state(s, i) == S::refused || next_state(s, i) == S::unverified;
    if (!has_ended(s) && attempt) CHECK_MESSAGE(s == S::submitted, to_string(s), " ", to_string(i));
  });
}

TEST_CASE("AFaultOrARestartLosesNothingAndRepeatsNothing") {
  CHECK(next_state(S::queued, I::interrupted) == S::queued);
  CHECK(next_state(S::claimed, I::interrupted) == S::queued);
  CHECK(next_state(S::submitted, I::interrupted) == S::unknown);
  for (S s : {S::accepted, S::running, S::unknown}) CHECK(next_state(s, I::interrupted) == s);
}

TEST_CASE("WithItsStoreEveryOpenDeliveryEnds") {
  for (int s = 0; s < kDeliveryStates; ++s) CHECK(has_ended(next_state(static_cast<S>(s), I::store_gone)));
}

TEST_CASE("OnlyWhatWaitsCanBeWithdrawn") {
  for_every_cell([](S s, I i) {
    if (i == I::withdrawn) CHECK(next_state(s, i) == (s == S::queued ? S::failed : s));
  });
}
