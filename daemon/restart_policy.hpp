// What to do when a provider ends unexpectedly (spec 1.6): wait how long, or give up. Pure.
#pragma once
#include "base/clock.hpp"

#include <deque>
#include <optional>

namespace ar::daemon {

class RestartPolicy {
 public:
  struct Decision {
    int exits = 0;                       ///< in the last 2 min, this one included
    std::optional<milliseconds> wait{};  ///< none: give up
  };
  /// `lived`: how long the process that has ended just now had run.
  Decision on_exit(Clock::time_point now, Clock::duration lived);
  /// A person has intervened: the history no longer counts.
  void forget() { exits_.clear(); }

 private:
  std::deque<Clock::time_point> exits_;
};

/// For the whole fleet: when many agents die at once (their tmux server, memory), they are not all started at once.
/// Pure.
class FleetBrake {
 public:
  /// What a restart that is due in `wait` waits instead: at most 5 are started within any second.
  milliseconds slot(Clock::time_point now, milliseconds wait);

 private:
  std::deque<Clock::time_point> starts_;  ///< the last ones given out, rising
};

}  // namespace ar::daemon
