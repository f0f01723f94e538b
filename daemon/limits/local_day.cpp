#include "daemon/limits/local_day.hpp"

#include "base/time_zone/time_zone.hpp"

namespace ar::daemon {
namespace {

cctz::time_zone const& zone() {
  static cctz::time_zone const local = zone_of_program({});
  return local;
}

}  // namespace

std::string local_day(WallTime time) { return cctz::format("%Y-%m-%d", time, zone()); }

WallTime local_day_end(WallTime time) { return instant_of(cctz::civil_day(shown_at(time, zone())) + 1, zone()); }

}  // namespace ar::daemon
