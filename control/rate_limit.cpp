#include "control/rate_limit.hpp"

#include <chrono>

namespace ar::control {

Clock::duration RateLimits::take(std::string const& what, Rate const& rate) {
  auto const now = Clock::now();
  for (auto it = over_.begin(); it != over_.end();) {
    auto& times = it->second;
    while (!times.empty() && times.front() <= now) times.pop_front();
    it = times.empty() ? over_.erase(it) : std::next(it);
  }
  auto& times = over_[what];
  if (times.size() >= rate.most) return times.front() - now;
  times.push_back(now + rate.period);
  return Clock::duration::zero();
}

void RateLimits::give_back(std::string const& what) {
  auto const it = over_.find(what);
  if (it != over_.end() && !it->second.empty()) it->second.pop_back();
}

http::Header retry_after(Clock::duration wait) {
  return {"Retry-After", std::to_string(std::chrono::ceil<std::chrono::seconds>(wait).count())};
}

}  // namespace ar::control
