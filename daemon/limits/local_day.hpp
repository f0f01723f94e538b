// The days of this machine's time zone: what is used is booked by them, and budgets of a day end with them.
#pragma once
#include "base/clock.hpp"

#include <string>

namespace ar::daemon {

/// "2026-01-31". Reads the zone's file the first time: call it before the daemon serves anybody.
std::string local_day(WallTime time);
/// When the day after that time's begins.
WallTime local_day_end(WallTime time);

}  // namespace ar::daemon
