#include "daemon/restart_policy.hpp"

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;

namespace {
constexpr auto kCounts = 2min;

milliseconds wait_after(int failures) {
  return std::min<milliseconds>(10'000ms, std::max<milliseconds>(500ms, 500ms * failures));
}
}  // namespace

RestartPolicy::Decision RestartPolicy::on_exit(Clock::time_point now, Clock::duration lived) {
  exits_.push_back(now);
  while (now - exits_.front() > kCounts) exits_.pop_front();
  int const n = static_cast<int>(exits_.size());
  if (lived < 30s && n > 3) return {n, std::nullopt};
  return {n, wait_after(n)};
}

RestartPolicy::Decision RestartPolicy::on_missing(Clock::time_point now) {
  if (missing_++ == 0) missing_since_ = now;
  if (now - missing_since_ >= kCounts) return {missing_, std::nullopt};
  return {missing_, wait_after(missing_)};
}

std::vector<WallTime> RestartPolicy::history(Clock::time_point now, WallTime wall) const {
  std::vector<WallTime> exits;
  for (auto const exit : exits_) exits.push_back(wall - std::chrono::duration_cast<milliseconds>(now - exit));
  return exits;
}

void RestartPolicy::remember(std::vector<WallTime> const& exits, Clock::time_point now, WallTime wall) {
  exits_.clear();
  for (auto const exit : exits)
    if (exit <= wall && wall - exit <= kCounts) exits_.push_back(now - (wall - exit));
  std::ranges::sort(exits_);
}

milliseconds FleetBrake::slot(Clock::time_point now, milliseconds wait) {
  constexpr std::size_t kTogether = 5;
  auto start = now + wait;
  if (starts_.size() == kTogether) {
    start = std::max(start, starts_.front() + 1s);
    starts_.pop_front();
  }
  starts_.insert(std::ranges::upper_bound(starts_, start), start);
  return std::chrono::ceil<milliseconds>(start - now);
}

}  // namespace ar::daemon
