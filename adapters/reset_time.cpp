#include "adapters/reset_time.hpp"

#include <algorithm>
#include <array>
#include <cctype>
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

WallTime time_of(std::tm local, bool utc) {
  local.tm_isdst = -1;
  return WallTime(std::chrono::seconds(utc ? ::timegm(&local) : std::mktime(&local)));
}

/// "feb 6th, 2026 3:04 pm", "mar 5 at 3pm", "3pm (utc)".
std::optional<WallTime> clock_time(Words words, WallTime now, bool utc) {
  auto const seconds = static_cast<std::time_t>(to_millis(now) / 1000);
  std::tm when{};
  utc ? ::gmtime_r(&seconds, &when) : ::localtime_r(&seconds, &when);
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
  auto const found = time_of(when, utc);
  // The minute that has just begun is meant, not the same one of tomorrow.
  if (found + std::chrono::minutes(1) > now || year_said) return found;
  month ? ++when.tm_year : ++when.tm_mday;
  return time_of(when, utc);
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
  bool const utc = lower.find("(utc)") != std::string::npos;
  for (std::string_view const before : {"try again at ", "resets at ", "resets ", "reset at "})
    for (auto at = lower.find(before); at != std::string::npos; at = lower.find(before, at + 1))
      if (auto const found = clock_time(Words(std::string_view(lower).substr(at + before.size())), now, utc))
        return found;
  return std::nullopt;
}

}  // namespace ar::adapters
