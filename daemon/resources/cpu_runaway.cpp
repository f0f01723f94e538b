#include "daemon/resources/cpu_runaway.hpp"

#include <utility>

namespace ar::daemon {

bool CpuRunaway::look(Clock::time_point now, std::int64_t periods, std::int64_t throttled) {
  auto const ran = periods - std::exchange(periods_, periods);
  auto const used_up = throttled - std::exchange(throttled_, throttled);
  bool const first = !std::exchange(known_, true);
  // Nine in ten: a look falls into the middle of a period.
  if (first || ran <= 0 || used_up * 10 < ran * 9) {
    since_.reset();
    told_ = false;
    return false;
  }
  if (!since_) since_ = now;
  if (now - *since_ < kAfter) return false;
  return !std::exchange(told_, true);
}

}  // namespace ar::daemon
