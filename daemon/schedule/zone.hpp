// Time zones by their names of the IANA data base ("Europe/Berlin"), as the system has them.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>
#include <string>

namespace ar::daemon {

/// Reads the zone's file the first time: not for the io thread. An error names the field timeZone.
Result<cctz::time_zone> find_zone(std::string const& name);
/// The name of the zone that this machine keeps; UTC where it has none.
std::string local_zone();

/// When a clock on the wall shows this: the first time where it does so twice, and where it never does, the first
/// moment after the gap.
WallTime instant_of(cctz::civil_second shown, cctz::time_zone const& zone);
cctz::civil_second shown_at(WallTime time, cctz::time_zone const& zone);

}  // namespace ar::daemon
