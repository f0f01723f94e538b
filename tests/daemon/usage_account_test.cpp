#include "daemon/agent/usage_account.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::daemon;
using adapters::Usage;

TEST_CASE("OnlyWhatIsNewInARecordIsCounted") {
  UsageAccount account;
  CHECK(account.shown().is_null());
  account.meet("first", {5, 5, 5, 5});
  account.meet("first", {7, 7, 7, 7});  // it has been met
  CHECK(account.count("first", {15, 6, 5, 5}, "transcript") == Usage{10, 1, 0, 0});
  CHECK(account.count("first", {15, 6, 5, 5}, "transcript") == Usage());
  account.meet("second", {});
  CHECK(account.count("second", {1, 1, 0, 0}, "transcript") == Usage{1, 1, 0, 0});
  CHECK(account.count("first", {16, 6, 5, 5}, "transcript") == Usage{1, 0, 0, 0});  // back again
  CHECK(account.shown()["inputTokens"] == 12);
  CHECK(account.shown()["source"] == "transcript");
  account.uncounted().push_back({3, "second"});
  auto again = UsageAccount::from_stored(account.stored());
  CHECK(again.stored() == account.stored());
  CHECK(again.shown() == account.shown());
  CHECK(again.count("second", {2, 1, 0, 0}, "transcript") == Usage{1, 0, 0, 0});
  for (int i = 0; i < 20; ++i) again.meet("record " + std::to_string(i), {});
  CHECK_FALSE(again.has_met("first"));
  CHECK(again.stored()["counted"].size() == 8);
}

TEST_CASE("ACostIsCountedForTheTurnThatItCameWith") {
  UsageAccount account;
  CHECK_FALSE(account.count_cost(1).has_value());
  CHECK(account.cost_is("p1", 0.5));  // what the conversation has cost before
  CHECK_FALSE(account.has_new_cost());
  CHECK_FALSE(account.cost_is("p1", 0.75));
  CHECK(*account.count_cost(1) == doctest::Approx(0.25));
  account.cost_is("p1", 1.0);
  CHECK(*account.count_cost(1) == doctest::Approx(0.5));  // of the same turn
  account.cost_is("p1", 1.125);
  auto again = UsageAccount::from_stored(account.stored());
  again.cost_is("p1", 1.125);
  CHECK(*again.count_cost(2) == doctest::Approx(0.125));
  again.cost_is("p1", 0.25);  // begun anew
  CHECK_FALSE(again.has_new_cost());
  CHECK(again.cost_is("p2", 0.25));
  CHECK_FALSE(again.has_new_cost());
  CHECK(again.shown_cost().get<double>() == doctest::Approx(0.625));
}
