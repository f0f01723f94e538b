#include "base/clock.hpp"

#include "base/async.hpp"
#include "base/log.hpp"
#include "support/run.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

using namespace ar;
using namespace std::chrono_literals;

TEST_CASE("IsoTimeKeepsMilliseconds") {
  CHECK(to_iso8601(from_millis(1'700'000'000'123)) == "2023-11-14T22:13:20.123Z");
  CHECK(to_iso8601(from_millis(-1)) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("ManualClockFiresTimersWithoutWaiting") {
  ManualClock clock;
  net::io_context io(1);
  bool fired = false;
  auto task = [&]() -> awaitable<void> { fired = co_await sleep_for(1h); };
  net::co_spawn(io, task(), net::detached);
  io.poll();
  test::advance(io, clock, 59min);
  CHECK_FALSE(fired);
  auto const before = wall_now();
  test::advance(io, clock, 1min);
  CHECK(fired);
  CHECK(wall_now() - before == 1min);
}

TEST_CASE("RepeatedFailureIsLoggedAgainAfterFiveMinutes") {
  ManualClock clock;
  LogThrottle gate;
  CHECK(gate.should_log("bus", "refused"));
  CHECK_FALSE(gate.should_log("bus", "refused"));
  CHECK(gate.should_log("bus", "timeout"));
  clock.advance(5min - 1ms);
  CHECK_FALSE(gate.should_log("bus", "timeout"));
  clock.advance(1ms);
  CHECK(gate.should_log("bus", "timeout"));
  CHECK(gate.recovered("bus"));
  CHECK_FALSE(gate.recovered("bus"));
}
