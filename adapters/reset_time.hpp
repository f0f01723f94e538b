// When a usage limit ends, from the words in which a provider says it.
#pragma once
#include "adapters/provider_event.hpp"
#include "base/clock.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ar::adapters {

/// "try again at 3:04 PM", "try again at Feb 6th, 2026 3:04 PM", "resets 3pm (America/New_York)", "limit
/// reached|1770000000". A time without a zone, or in one that the system does not know, is the provider's own: `tz` is
/// its TZ. One without a date is the next. Reads a zone's file the first time.
std::optional<WallTime> reset_time_in(std::string_view text, WallTime now, std::string_view tz = {});

/// Of a turn that has failed: when the limit is over, by its words; `environment` is what its provider got.
void read_reset_time(TurnEnded& end, std::map<std::string, std::string> const& environment);

}  // namespace ar::adapters
