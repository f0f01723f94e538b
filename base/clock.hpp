// The project's time. Domain code asks these clocks and waits on these timers only, so that a test can run hours of it
// in a millisecond: `ManualClock` freezes both, and tests/support/run.hpp's `advance` fires what is due.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ar {

using std::chrono::milliseconds;

/// Wall time in UTC, to the millisecond: what is stored, shown and sent.
using WallTime = std::chrono::sys_time<milliseconds>;

/// Monotonic time, for deadlines and durations; not affected by changes of the system's clock.
struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
  static time_point now();
};

WallTime wall_now();

using Timer = boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, boost::asio::any_io_executor>;

/// "2026-01-31T12:00:00.123Z".
std::string to_iso8601(WallTime time);
/// Reads that form back; nothing for any other text.
std::optional<WallTime> from_iso8601(std::string_view text);
/// Milliseconds since 1970, the form in which times are stored.
inline std::int64_t to_millis(WallTime time) { return time.time_since_epoch().count(); }
inline WallTime from_millis(std::int64_t millis) { return WallTime(milliseconds(millis)); }

/// Freezes Clock and wall_now() while it lives. Tests only; one at a time; set it up before any thread starts.
class ManualClock {
 public:
  explicit ManualClock(WallTime start = from_millis(1'700'000'000'000));
  ~ManualClock();
  ManualClock(ManualClock const&) = delete;
  ManualClock& operator=(ManualClock const&) = delete;
  void advance(Clock::duration by);
};

}  // namespace ar
