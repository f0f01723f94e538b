#include "adapters/reset_time.hpp"

#include "base/time_zone/time_zone.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
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

/// That a text names behind a time: "3pm (America/New_York)".
std::optional<cctz::time_zone> zone_in(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  auto const open = text.find('(');
  if (open == std::string_view::npos) return std::nullopt;
  return find_zone(text.substr(open + 1, text.find(')', open) - open - 1));
}

/// "feb 6th, 2026 3:04 pm", "mar 5 at 3pm", "3pm (utc)".
std::optional<WallTime> clock_time(Words words, WallTime now, cctz::time_zone const& zone) {
  auto const today = cctz::civil_day(shown_at(now, zone));
  auto year = today.year();
  auto month = today.month(), day = today.day();
  auto const said_month = words.month();
  bool year_said = false;
  std::optional<int> hour;
  if (said_month) {
    words.skip(" ");
    auto const said_day = words.number();
    if (!said_day || *said_day < 1 || *said_day > 31) return std::nullopt;
    month = *said_month + 1;
    day = *said_day;
    words.skip("stndrh, ");
    words.take("at ");
    hour = words.number();
    if (hour && *hour > 31) {
      year = *hour;
      year_said = true;
      words.skip(", ");
      words.take("at ");
      hour = words.number();
    }
  } else {
    hour = words.number();
  }
  if (!hour || *hour < 1 || *hour > 12) return std::nullopt;
  int const minute = words.take(":") ? words.number().value_or(60) : 0;
  words.skip(" ");
  bool const afternoon = words.take("pm");
  if ((!afternoon && !words.take("am")) || minute > 59) return std::nullopt;
  int const hours = *hour % 12 + (afternoon ? 12 : 0);
  auto const found = instant_of(cctz::civil_second(year, month, day, hours, minute), zone);
  // The minute that has just begun is meant, not the same one of tomorrow.
  if (found + std::chrono::minutes(1) > now || year_said) return found;
  if (said_month) return instant_of(cctz::civil_second(year + 1, month, day, hours, minute), zone);
  return instant_of(cctz::civil_second(year, month, day + 1, hours, minute), zone);
}

}  // namespace

std::optional<WallTime> reset_time_in(std::string_view text, WallTime now, std::string_view tz) {
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
    for (auto at = lower.find(before); at != std::string::npos; at = lower.find(before, at + 1)) {
      auto const named = zone_in(text.substr(at));
      Words const words(std::string_view(lower).substr(at + before.size()));
      if (auto const found = clock_time(words, now, named ? *named : zone_of_program(tz))) return found;
    }
  return std::nullopt;
}

void read_reset_time(TurnEnded& end, std::map<std::string, std::string> const& environment) {
  if (end.outcome != TurnEnded::Outcome::failed || end.resets_at) return;
  auto const tz = environment.find("TZ");
  end.resets_at = reset_time_in(end.error, wall_now(), tz == environment.end() ? std::string_view() : tz->second);
}

}  // namespace ar::adapters
