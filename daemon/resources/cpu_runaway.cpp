#include "daemon/resources/cpu_runaway.hpp"

#include <utility>

namespace ar::daemon {

bool CpuRunaway::look(Clock::time_point now, std::int64_t periods, std::int64_t throttled) {
  auto const ran = periods - std::exchange(periods_, periods);
  auto const used_up = throttled - std::exchange(throttled_, throttled);
  bool const first = !std::exchange(known_, true);
  // Eight in ten: programs wait for something now and then.
  if (first || ran <= 0 || used_up * 10 < ran * 8) {
    since_.reset();
    told_ = false;
    return false;
  }
  if (!since_) since_ = now;
  if (now - *since_ < kAfter) return false;
  return !std::exchange(told_, true);
}

}  // namespace ar::daemon
