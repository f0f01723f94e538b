#include "daemon/restart_policy.hpp"

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;

RestartPolicy::Decision RestartPolicy::on_exit(Clock::time_point now, Clock::duration lived) {
  exits_.push_back(now);
  while (now - exits_.front() > 2min) exits_.pop_front();
  int const n = static_cast<int>(exits_.size());
  if (lived < 30s && n > 3) return {n, std::nullopt};
  return {n, std::min<milliseconds>(10'000ms, std::max<milliseconds>(500ms, 500ms * n))};
}

}  // namespace ar::daemon
