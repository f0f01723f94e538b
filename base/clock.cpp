#include "base/clock.hpp"

#include <atomic>
#include <cstdio>
#include <ctime>

namespace ar {
namespace {
// Nanoseconds of the frozen clocks; negative: not frozen. Atomic because worker threads read the time as well.
std::atomic<std::int64_t> g_manual_steady{-1};
std::atomic<std::int64_t> g_manual_wall{-1};
}  // namespace

Clock::time_point Clock::now() {
  auto const manual = g_manual_steady.load(std::memory_order_relaxed);
  if (manual >= 0) return time_point(duration(manual));
  return time_point(std::chrono::steady_clock::now().time_since_epoch());
}

WallTime wall_now() {
  auto const manual = g_manual_wall.load(std::memory_order_relaxed);
  if (manual >= 0) return from_millis(manual / 1'000'000);
  return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
}

std::string to_iso8601(WallTime time) {
  auto const millis = to_millis(time);
  auto const seconds = static_cast<std::time_t>(millis >= 0 ? millis / 1000 : (millis - 999) / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[96];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>(millis - static_cast<std::int64_t>(seconds) * 1000));
  return text;
}

std::optional<WallTime> from_iso8601(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, millis = 0, end = 0;
  std::string const copy(text);
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day, &hour, &minute, &second, &millis,
                  &end) != 7 ||
      static_cast<std::size_t>(end) != text.size())
    return std::nullopt;
  std::chrono::year_month_day const date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + milliseconds(millis);
}

ManualClock::ManualClock(WallTime start) {
  g_manual_wall = to_millis(start) * 1'000'000;
  g_manual_steady = 1'000'000'000;
}
ManualClock::~ManualClock() {
  g_manual_wall = -1;
  g_manual_steady = -1;
}
void ManualClock::advance(Clock::duration by) {
  g_manual_wall += by.count();
  g_manual_steady += by.count();
}

}  // namespace ar
