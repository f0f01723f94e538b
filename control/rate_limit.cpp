#include "control/rate_limit.hpp"

#include <chrono>

namespace ar::control {

Clock::duration RateLimit::take(Principal const& who) {
  auto const now = Clock::now();
  for (auto it = done_.begin(); it != done_.end();) {
    auto& times = it->second;
    while (!times.empty() && times.front() + period_ <= now) times.pop_front();
    it = times.empty() ? done_.erase(it) : std::next(it);
  }
  // An agent's id begins with no slash.
  auto& times = done_[who.kind == Principal::Kind::agent ? who.agent_id : "/operator"];
  if (times.size() >= most_) return times.front() + period_ - now;
  times.push_back(now);
  return Clock::duration::zero();
}

http::Response too_soon(Error const& error, Clock::duration wait) {
  auto refusal = http::problem(error, 429);
  auto const seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  refusal.headers.push_back({"Retry-After", std::to_string(seconds)});
  return refusal;
}

}  // namespace ar::control
