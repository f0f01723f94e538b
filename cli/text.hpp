// How things look on a terminal: widths of Unicode text, ages, durations, sizes. Text that came from agents
// is untrusted: `printable` and `single_line` take the escape sequences out of it before it reaches a
// terminal.
#pragma once
#include "base/clock.hpp"
#include "base/duration.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ar::cli {

/// Makes wcwidth and friends speak UTF-8 whatever the user's locale is. Call once, before anything below.
void use_utf8();

/// Columns the text takes on a terminal; ill-formed bytes and control characters count one each.
std::size_t display_width(std::string_view text);
/// At most `columns` wide; what was cut is shown by "…".
std::string cut_to_width(std::string_view text, std::size_t columns);
/// Control characters other than newline and tab become "␛"-like pictures, ill-formed UTF-8 becomes U+FFFD.
std::string printable(std::string_view text);
/// printable(), with newlines and tabs as single blanks and blanks at both ends gone.
std::string single_line(std::string_view text);

/// As a word for a POSIX shell, quoted where it must be.
std::string shell_word(std::string const& text);

/// "12s", "3m", "5h", "9d".
std::string age(milliseconds span);
/// "45 ms", "3.2 s", "2m 05s", "1h 03m".
std::string duration(milliseconds span);
/// "512B", "1.2K", "34M", "1.1G".
std::string size_text(std::int64_t bytes);

/// A time as the API gives it: ISO 8601 in UTC, or milliseconds since 1970.
std::optional<WallTime> time_of(json const& value);
/// Local time, "14:03:22.123".
std::string clock_text(WallTime time);
/// Local time, "2026-01-31 14:03:22".
std::string date_text(WallTime time);

/// object[name] as text: strings as they are, numbers and booleans in their JSON form, "" when absent or
/// null.
std::string field(json const& object, char const* name);
std::int64_t number(json const& object, char const* name, std::int64_t otherwise = 0);
/// object[name] when it is an array, else an empty array.
json const& array(json const& object, char const* name);

}  // namespace ar::cli
