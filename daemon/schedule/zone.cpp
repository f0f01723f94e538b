#include "daemon/schedule/zone.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace ar::daemon {
namespace {

/// What comes from a sender becomes a path below the system's folder of zones.
bool is_zone_name(std::string_view name) {
  auto const good = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '+' || c == '/';
  };
  return !name.empty() && name.size() <= 64 && name.front() != '/' && name != "localtime" &&
         std::ranges::all_of(name, good);
}

}  // namespace

Result<cctz::time_zone> find_zone(std::string const& name) {
  cctz::time_zone zone;
  if (is_zone_name(name) && cctz::load_time_zone(name, &zone)) return zone;
  return invalid("timeZone",
                 "there is no time zone \"" + name.substr(0, 64) +
                     "\"; name one like Europe/Berlin, America/New_York or UTC (timedatectl list-timezones)");
}

std::string local_zone() {
  char const* const set = std::getenv("TZ");
  std::string name(set ? set : "");
  if (name.starts_with(':')) name.erase(0, 1);
  if (name.empty()) {
    std::error_code ec;
    name = std::filesystem::read_symlink("/etc/localtime", ec).string();
  }
  constexpr std::string_view folder = "zoneinfo/";
  if (auto const at = name.find(folder); at != std::string::npos) name.erase(0, at + folder.size());
  return find_zone(name) ? name : "UTC";
}

WallTime instant_of(cctz::civil_second shown, cctz::time_zone const& zone) {
  auto const found = zone.lookup(shown);
  auto const time = found.kind == cctz::time_zone::civil_lookup::SKIPPED ? found.trans : found.pre;
  return std::chrono::time_point_cast<milliseconds>(time);
}

cctz::civil_second shown_at(WallTime time, cctz::time_zone const& zone) { return cctz::convert(time, zone); }

}  // namespace ar::daemon
