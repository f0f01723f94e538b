#include "adapters/reset_time.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cctz/civil_time.h>
#include <cctz/time_zone.h>
#include <charconv>
#include <ctime>
#include <string>

namespace ar::adapters {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};

/// Reads a text from its front.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}
  bool take(std::string_view word) {
    bool const there = rest_.starts_with(word);
    if (there) rest_.remove_prefix(word.size());
    return there;
  }
  std::optional<int> number() {
    int value = 0;
    auto const [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }
  void skip(std::string_view characters) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
  }
  std::optional<int> month() {
    auto const found = std::ranges::find(kMonths, rest_.substr(0, 3));
    if (found == kMonths.end()) return std::nullopt;
    while (!rest_.empty() && std::isalpha(static_cast<unsigned char>(rest_.front()))) rest_.remove_prefix(1);
    return static_cast<int>(found - kMonths.begin());
  }

 private:
  std::string_view rest_;
};

using Zone = std::optional<cctz::time_zone>;  ///< none: this machine's

std::tm shown_at(WallTime time, Zone const& zone) {
  std::tm when{};
  auto const seconds = static_cast<std::time_t>(to_millis(time) / 1000);
  if (!zone) {
    ::localtime_r(&seconds, &when);
    return when;
  }
  auto const there = cctz::convert(time, *zone);
  when.tm_year = static_cast<int>(there.year()) - 1900;
  when.tm_mon = there.month() - 1;
  when.tm_mday = there.day();
  return when;
}

WallTime time_of(std::tm when, Zone const& zone) {
  when.tm_isdst = -1;
  if (!zone) return WallTime(std::chrono::seconds(std::mktime(&when)));
  cctz::civil_second const there(when.tm_year + 1900, when.tm_mon + 1, when.tm_mday, when.tm_hour, when.tm_min);
  return std::chrono::time_point_cast<milliseconds>(cctz::convert(there, *zone));
}

/// That a text names behind a time: "3pm (America/New_York)". What the system does not know is this machine's.
Zone zone_in(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  auto const open = text.find('(');
  if (open == std::string_view::npos) return std::nullopt;
  std::string const name(text.substr(open + 1, text.find(')', open) - open - 1));
  auto const good = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '+' || c == '/'; };
  cctz::time_zone zone;
  bool const known = !name.empty() && name.front() != '/' && name.size() <= 64 && std::ranges::all_of(name, good) &&
                     cctz::load_time_zone(name, &zone);
  return known ? Zone(zone) : std::nullopt;
}

/// "feb 6th, 2026 3:04 pm", "mar 5 at 3pm", "3pm (utc)".
std::optional<WallTime> clock_time(Words words, WallTime now, Zone const& zone) {
  auto when = shown_at(now, zone);
  auto const month = words.month();
  bool year_said = false;
  std::optional<int> hour;
  if (month) {
    words.skip(" ");
    auto const day = words.number();
    if (!day || *day < 1 || *day > 31) return std::nullopt;
    when.tm_mon = *month;
    when.tm_mday = *day;
    words.skip("stndrh, ");
    words.take("at ");
    hour = words.number();
    if (hour && *hour > 31) {  // a year
      when.tm_year = *hour - 1900;
      year_said = true;
      words.skip(", ");
      words.take("at ");
      hour = words.number();
    }
  } else {
    hour = words.number();
  }
  if (!hour || *hour < 1 || *hour > 12) return std::nullopt;
  when.tm_min = words.take(":") ? words.number().value_or(60) : 0;
  words.skip(" ");
  bool const afternoon = words.take("pm");
  if ((!afternoon && !words.take("am")) || when.tm_min > 59) return std::nullopt;
  when.tm_hour = *hour % 12 + (afternoon ? 12 : 0);
  when.tm_sec = 0;
  auto const found = time_of(when, zone);
  // The minute that has just begun is meant, not the same one of tomorrow.
  if (found + std::chrono::minutes(1) > now || year_said) return found;
  month ? ++when.tm_year : ++when.tm_mday;
  return time_of(when, zone);
}

}  // namespace

std::optional<WallTime> reset_time_in(std::string_view text, WallTime now) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (auto const bar = lower.find("limit reached|"); bar != std::string::npos) {
    std::int64_t at = 0;
    auto const* const begin = lower.data() + lower.find('|', bar) + 1;
    auto const [end, error] = std::from_chars(begin, lower.data() + lower.size(), at);
    bool const plausible = error == std::errc() && at > 0 && at < 100'000'000'000;  // seconds, before the year 5000
    if (plausible) return WallTime(std::chrono::seconds(at));
  }
  for (std::string_view const before : {"try again at ", "resets at ", "resets ", "reset at "})
    for (auto at = lower.find(before); at != std::string::npos; at = lower.find(before, at + 1))
      if (auto const found =
              clock_time(Words(std::string_view(lower).substr(at + before.size())), now, zone_in(text.substr(at))))
        return found;
  return std::nullopt;
}

}  // namespace ar::adapters
