// What to do when a provider ends unexpectedly (docs/architecture.md): wait how long, or give up. Pure.
#pragma once
#include "base/clock.hpp"

#include <deque>
#include <optional>
#include <vector>

namespace ar::daemon {

class RestartPolicy {
 public:
  struct Decision {
    int exits = 0;                       ///< in the last 2 min, this one included
    std::optional<milliseconds> wait{};  ///< none: give up
  };
  /// `lived`: how long the process that has ended just now had run.
  Decision on_exit(Clock::time_point now, Clock::duration lived);
  /// The program of an agent that ran before is not there, as for the seconds that an update takes to replace it: the
  /// same waits between the tries, and given up when it has not been there for 2 min. `exits`: the tries.
  Decision on_missing(Clock::time_point now);
  void on_found() { missing_ = 0; }
  bool program_missing() const { return missing_ > 0; }
  /// A person has intervened: the history no longer counts.
  void forget() {
    exits_.clear();
    missing_ = 0;
  }
  /// The exits that still count, for the journal; `now` and `wall` are the same moment.
  std::vector<WallTime> history(Clock::time_point now, WallTime wall) const;
  /// What an earlier daemon had counted. A time that is not in the last 2 min (the clock was set) does not count.
  void remember(std::vector<WallTime> const& exits, Clock::time_point now, WallTime wall);

 private:
  std::deque<Clock::time_point> exits_;
  int missing_ = 0;  ///< tries in a row that did not find the program, the first of them at:
  Clock::time_point missing_since_{};
};

/// For the whole fleet: when many agents die at once (their tmux server, memory), they are not all started at once.
/// Pure.
class RestartRateLimiter {
 public:
  /// What a restart that is due in `wait` waits instead: at most 5 are started within any second.
  milliseconds slot(Clock::time_point now, milliseconds wait);

 private:
  std::deque<Clock::time_point> starts_;  ///< given out for the last second and the time to come, rising
};

}  // namespace ar::daemon
