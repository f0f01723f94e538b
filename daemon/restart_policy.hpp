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

}  // namespace ar::daemon
