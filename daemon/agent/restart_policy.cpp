#include "daemon/agent/restart_policy.hpp"

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

milliseconds RestartRateLimiter::slot(Clock::time_point now, milliseconds wait) {
  constexpr std::size_t kTogether = 5;
  while (!starts_.empty() && starts_.front() + 1s <= now) starts_.pop_front();
  // Whether one more at that time makes more than 5 within a second.
  auto const is_too_many = [this](Clock::time_point start) {
    auto with = starts_;
    with.insert(std::ranges::upper_bound(with, start), start);
    for (std::size_t i = kTogether; i < with.size(); ++i)
      if (with[i] - with[i - kTogether] < 1s) return true;
    return false;
  };
  auto const earliest = now + wait;
  auto start = earliest;
  // The first moment that is free comes a second after some other start.
  for (std::size_t i = 0; is_too_many(start); ++i) start = std::max(earliest, starts_.at(i) + 1s);
  starts_.insert(std::ranges::upper_bound(starts_, start), start);
  return std::chrono::ceil<milliseconds>(start - now);
}

}  // namespace ar::daemon
