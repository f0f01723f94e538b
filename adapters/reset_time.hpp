// When a usage limit ends, from the words in which a provider says it.
#pragma once
#include "base/clock.hpp"

#include <optional>
#include <string_view>

namespace ar::adapters {

/// "try again at 3:04 PM", "try again at Feb 6th, 2026 3:04 PM", "resets 3pm (UTC)", "limit reached|1770000000". A
/// time without a zone, or in a named one, is this machine's: the provider writes for the person in front of it. One
/// without a date is the next.
std::optional<WallTime> reset_time_in(std::string_view text, WallTime now);

}  // namespace ar::adapters
