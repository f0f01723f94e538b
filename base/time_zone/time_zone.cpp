#include "base/time_zone/time_zone.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace ar {
namespace {

/// The name becomes a path below the system's folder of zones.
bool is_zone_name(std::string_view name) {
  auto const good = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '+' || c == '/';
  };
  return !name.empty() && name.size() <= 64 && name.front() != '/' && name != "localtime" &&
         std::ranges::all_of(name, good);
}

/// As it stands in TZ, or as the path of its file: ":Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin".
std::string_view name_in(std::string_view tz) {
  if (tz.starts_with(':')) tz.remove_prefix(1);
  constexpr std::string_view folder = "zoneinfo/";
  if (auto const at = tz.find(folder); at != std::string_view::npos) tz.remove_prefix(at + folder.size());
  return tz;
}

}  // namespace

std::optional<cctz::time_zone> find_zone(std::string_view name) {
  cctz::time_zone zone;
  if (is_zone_name(name) && cctz::load_time_zone(std::string(name), &zone)) return zone;
  return std::nullopt;
}

Result<cctz::time_zone> zone_of_field(std::string const& name) {
  if (auto const zone = find_zone(name)) return *zone;
  return invalid("timeZone",
                 "there is no time zone \"" + name.substr(0, 64) +
                     "\"; name one like Europe/Berlin, America/New_York or UTC (timedatectl list-timezones)");
}

std::string local_zone_name() {
  char const* const set = std::getenv("TZ");
  std::string tz(set ? set : "");
  if (tz.empty()) {
    std::error_code ec;
    tz = std::filesystem::read_symlink("/etc/localtime", ec).string();
  }
  auto const name = name_in(tz);
  return find_zone(name) ? std::string(name) : "UTC";
}

cctz::time_zone zone_of_program(std::string_view tz) {
  if (auto const zone = find_zone(name_in(tz))) return *zone;
  return cctz::local_time_zone();
}

WallTime instant_of(cctz::civil_second shown, cctz::time_zone const& zone) {
  auto const found = zone.lookup(shown);
  auto const time = found.kind == cctz::time_zone::civil_lookup::SKIPPED ? found.trans : found.pre;
  return std::chrono::time_point_cast<milliseconds>(time);
}

cctz::civil_second shown_at(WallTime time, cctz::time_zone const& zone) { return cctz::convert(time, zone); }

}  // namespace ar
