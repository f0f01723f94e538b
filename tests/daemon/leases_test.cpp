#include "daemon/leases.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;

TEST_CASE("LeasesAreRenewedEveryFiveMinutesAndAlwaysBeforeHalfIsGone") {
  CHECK(Leases::renew_after(15min) == 5min);
  CHECK(Leases::renew_after(1h) == 5min);
  CHECK(Leases::renew_after(4min) == 2min);
  CHECK(Leases::renew_after(1s) == 500ms);
  CHECK(Leases::renew_after(-1s) == 100ms);
}
