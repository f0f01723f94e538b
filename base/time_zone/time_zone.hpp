// Time zones by their names of the IANA data base ("Europe/Berlin"), as the system has them. What finds one reads its
// file the first time: not for the io thread, but where a person waits for nothing else.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>
#include <optional>
#include <string>
#include <string_view>

namespace ar {

/// The name may be a sender's.
std::optional<cctz::time_zone> find_zone(std::string_view name);
/// As find_zone(); an error names the field timeZone.
Result<cctz::time_zone> zone_of_field(std::string const& name);
/// The name of the zone that this machine keeps; UTC where it has none.
std::string local_zone_name();
/// The one in which a program shows times whose TZ has this value. Empty, or no zone's name: this machine's.
cctz::time_zone zone_of_program(std::string_view tz);

/// When a clock on the wall shows this: the first time where it does so twice, and where it never does, the first
/// moment after the gap.
WallTime instant_of(cctz::civil_second shown, cctz::time_zone const& zone);
cctz::civil_second shown_at(WallTime time, cctz::time_zone const& zone);

}  // namespace ar
