// When a schedule is due: at one time, every so often, or as a cron expression says. Pure: what it is asked about is
// given to it. It reads the zone's file the first time, so it is for a worker.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <optional>
#include <string>

namespace ar::daemon {

struct Timing {
  std::optional<WallTime> first{};  ///< of `at` and `every`
  milliseconds every{};             ///< 0: it is due once, or by `cron`
  std::string cron{};               ///< empty: by `first`
  std::string zone{};               ///< in which `cron` is meant
};

/// Reads `at`, `in`, `every`, `cron` and `timeZone` of a request. An interval begins at `at` or `in`, or else one
/// interval after now. Errors name the field; a time that is over, an interval below `least` and a day that never comes
/// are some.
Result<Timing> timing_from(json const& request, WallTime now, milliseconds least);
/// {at?, every?, cron?, timeZone?}, as it is kept and shown.
json to_json(Timing const& timing);
/// Of what to_json has made; throws json's exceptions on another shape.
Timing timing_from_journal(json const& kept);

/// The first due time after that one; nothing: it is not due any more.
std::optional<WallTime> next_due(Timing const& timing, WallTime after);
/// The last due time up to `now`, where `due` is one.
WallTime last_due(Timing const& timing, WallTime due, WallTime now);

}  // namespace ar::daemon
