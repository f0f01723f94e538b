#include "daemon/leases.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;

TEST_CASE("LeasesAreRenewedEveryFiveMinutesAndAlwaysBeforeHalfIsGone") {
  auto const now = from_millis(1'000'000);
  CHECK(Leases::renewal_time(now, now + 15min) == now + 5min);
  CHECK(Leases::renewal_time(now, now + 1h) == now + 5min);
  CHECK(Leases::renewal_time(now, now + 4min) == now + 2min);
  CHECK(Leases::renewal_time(now, now + 1s) == now + 500ms);
  CHECK(Leases::renewal_time(now, now - 1s) == now);
}
