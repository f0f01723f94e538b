// Spans of time as people write them.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"

#include <string>
#include <string_view>

namespace ar {

/// "250ms", "30s", "5m", "2h", "1d"; a bare number counts seconds.
Result<milliseconds> parse_duration(std::string_view text);
/// The shortest that parse_duration reads as this.
std::string duration_text(milliseconds time);

}  // namespace ar
