#include "base/duration.hpp"

#include <charconv>
#include <utility>

namespace ar {

Result<milliseconds> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  std::string_view const unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::int64_t const scale = unit == "ms"                  ? 1
                             : unit.empty() || unit == "s" ? 1000
                             : unit == "m"                 ? 60'000
                             : unit == "h"                 ? 3600'000
                             : unit == "d"                 ? 86'400'000
                                                           : 0;
  if (error != std::errc() || count < 0 || scale == 0 || count > 1'000'000'000'000 / scale)
    return invalid("duration", "\"" + std::string(text) + "\" is not a duration; write 250ms, 30s, 5m, 2h or 1d");
  return milliseconds(count * scale);
}

std::string duration_text(milliseconds time) {
  auto const count = time.count();
  for (auto const& [scale, unit] : {std::pair{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1000, "s"}})
    if (count > 0 && count % scale == 0) return std::to_string(count / scale) + unit;
  return std::to_string(count) + "ms";
}

}  // namespace ar
