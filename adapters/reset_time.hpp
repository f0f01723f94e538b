// When a usage limit ends, from the words in which a provider says it.
#pragma once
#include "base/clock.hpp"

#include <optional>
#include <string_view>

namespace ar::adapters {

/// "try again at 3:04 PM", "try again at Feb 6th, 2026 3:04 PM", "resets 3pm (America/New_York)", "limit
/// reached|1770000000". A time without a zone, or in one that the system does not know, is this machine's: the provider
/// writes for the person in front of it. One without a date is the next. Reads a zone's file the first time.
std::optional<WallTime> reset_time_in(std::string_view text, WallTime now);

}  // namespace ar::adapters
