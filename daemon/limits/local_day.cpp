#include "daemon/limits/local_day.hpp"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>

namespace ar::daemon {
namespace {

cctz::time_zone const& zone() {
  static cctz::time_zone const local = cctz::local_time_zone();
  return local;
}

}  // namespace

std::string local_day(WallTime time) { return cctz::format("%Y-%m-%d", time, zone()); }

WallTime local_day_end(WallTime time) {
  cctz::civil_day const next = cctz::civil_day(cctz::convert(time, zone())) + 1;
  return std::chrono::time_point_cast<milliseconds>(cctz::convert(next, zone()));
}

}  // namespace ar::daemon
