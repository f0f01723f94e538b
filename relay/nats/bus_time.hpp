// What time it is for everyone on the bus: the NATS server's wall time, carried on between looks at it by our own
// monotonic clock. Everything stored is in this time; what callers are told is in their own machine's.
#pragma once
#include "base/clock.hpp"

#include <cstdlib>

namespace ar::relay::nats {

class BusTime {
 public:
  WallTime now() const { return base_ + std::chrono::floor<milliseconds>(Clock::now() - anchor_); }
  /// The moment on our monotonic clock: once Clock::now() has reached it, now() has reached `time`.
  Clock::time_point at(WallTime time) const { return anchor_ + (time - base_); }
  /// `time` as this machine's clock would show it.
  WallTime local(WallTime time) const { return time + (wall_now() - now()); }
  /// How far this machine's clock is ahead of the bus.
  milliseconds ahead() const { return wall_now() - now(); }

  /// The server's clock showed `server` when ours showed `when`. Without `jump`, a change of more than some seconds is
  /// refused (false): the server's clock was set, and leases do not end by that while we are connected.
  bool set(WallTime server, Clock::time_point when, bool jump) {
    auto const expected = base_ + std::chrono::floor<milliseconds>(when - anchor_);
    auto const change = server > expected ? server - expected : expected - server;
    if (!jump && change > std::chrono::seconds(5)) return false;
    base_ = server;
    anchor_ = when;
    return true;
  }

 private:
  WallTime base_ = wall_now();
  Clock::time_point anchor_ = Clock::now();
};

}  // namespace ar::relay::nats
