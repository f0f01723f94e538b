// What time it is for the embedded bus, in two senses.
#pragma once
#include "base/clock.hpp"

namespace ar::relay::embedded {

/// `wall` is what people are shown and what lasts days: creation, token expiry, retention. `steady` is the
/// wall time of the opening moved on by the monotonic clock: what ends after a while (leases, delays,
/// commands' expiry, heartbeats), so that a system clock set an hour ahead takes no lease away.
struct Moment {
  WallTime wall;
  WallTime steady;
};

/// Any thread.
class BusTime {
 public:
  Moment now() const { return {wall_now(), opened_ + std::chrono::floor<milliseconds>(Clock::now() - anchor_)}; }
  /// The exact inverse: once Clock::now() has reached it, now().steady has reached `steady`.
  Clock::time_point at(WallTime steady) const { return anchor_ + (steady - opened_); }

 private:
  WallTime opened_ = wall_now();
  Clock::time_point anchor_ = Clock::now();
};

}  // namespace ar::relay::embedded
