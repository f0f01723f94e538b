#include "daemon/schedule/cron.hpp"

#include "base/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <vector>

namespace ar::daemon {
namespace {

/// 29 February is 8 years away at the most, where a century is no leap year.
constexpr int kLongestDays = 9 * 366;

struct Range {
  std::string_view what;
  int least, most;
  std::string_view names{};  ///< of its values, from the first on
};
constexpr Range kMinute{"minute", 0, 59}, kHour{"hour", 0, 23}, kDay{"day of the month", 1, 31},
    kMonth{"month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"},
    kWeekday{"day of the week", 0, 7, "sun mon tue wed thu fri sat"};

constexpr std::pair<std::string_view, std::string_view> kNicknames[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}};

std::optional<int> number(std::string_view text) {
  int value = 0;
  auto const* const end = text.data() + text.size();
  auto const [rest, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || rest != end || value < 0) return std::nullopt;
  return value;
}

/// A number or a name, within the range.
std::optional<int> value_in(std::string_view text, Range const& range) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  auto const names = words_of(range.names);
  if (auto const at = std::ranges::find(names, lower); at != names.end())
    return range.least + static_cast<int>(at - names.begin());
  auto const value = number(text);
  return value && *value >= range.least && *value <= range.most ? value : std::nullopt;
}

/// What a field means: "*", "5", "mon-fri", "0-30/10", "*/15", or several of them between commas.
Result<std::bitset<60>> field_from(std::string_view text, Range const& range) {
  std::bitset<60> field;
  auto const wrong = [&](std::string_view part) {
    return invalid("cron", "\"" + std::string(part.substr(0, 40)) + "\" is no " + std::string(range.what) +
                               "; that is " + std::to_string(range.least) + " to " + std::to_string(range.most) +
                               ", *, a range like 1-5, a step like */2, or several of these between commas");
  };
  for (std::size_t at = 0; at <= text.size();) {
    auto const end = std::min(text.find(',', at), text.size());
    auto const part = text.substr(at, end - at);
    at = end + 1;
    auto const slash = part.find('/');
    auto const span = part.substr(0, slash);
    int step = 1;
    if (slash != std::string_view::npos) {
      auto const given = number(part.substr(slash + 1));
      if (!given || *given == 0 || *given > range.most) return wrong(part);
      step = *given;
    }
    std::optional<int> first = range.least, last = range.most;
    if (span != "*") {
      auto const dash = span.find('-');
      // A step of a single value would be that value alone, which nobody means.
      if (dash == std::string_view::npos && slash != std::string_view::npos) return wrong(part);
      first = value_in(span.substr(0, dash), range);
      last = dash == std::string_view::npos ? first : value_in(span.substr(dash + 1), range);
    }
    if (!first || !last || *first > *last) return wrong(part);
    for (int value = *first; value <= *last; value += step) field.set(static_cast<std::size_t>(value));
  }
  return field;
}

}  // namespace

Result<Cron> Cron::parse(std::string_view text) {
  text = trimmed(text);
  if (auto const at = std::ranges::find(kNicknames, text, &std::pair<std::string_view, std::string_view>::first);
      at != std::end(kNicknames))
    text = at->second;
  std::string spaced(text);
  std::ranges::replace(spaced, '\t', ' ');
  auto const fields = words_of(spaced);
  if (fields.size() != 5)
    return invalid("cron",
                   "\"" + spaced.substr(0, 80) +
                       "\" is no cron expression: it has five fields (minute, hour, day of the month, month, day of "
                       "the week), like \"0 9 * * mon-fri\", or is @hourly, @daily, @weekly, @monthly or @yearly");
  Cron cron;
  struct {
    Range const& range;
    Field& into;
  } const parts[] = {{kMinute, cron.minutes_},
                     {kHour, cron.hours_},
                     {kDay, cron.days_},
                     {kMonth, cron.months_},
                     {kWeekday, cron.weekdays_}};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    auto const field = field_from(fields[i], parts[i].range);
    if (!field) return field.error();
    parts[i].into = *field;
  }
  if (cron.weekdays_[7]) cron.weekdays_.set(0);  // both are Sunday
  cron.any_day_ = fields[2].starts_with('*');
  cron.any_weekday_ = fields[4].starts_with('*');
  return cron;
}

bool Cron::means(cctz::civil_day day) const {
  if (!months_[static_cast<std::size_t>(day.month())]) return false;
  auto const weekday = (static_cast<std::size_t>(cctz::get_weekday(day)) + 1) % 7;  // there Monday is 0, here Sunday
  bool const by_day = days_[static_cast<std::size_t>(day.day())], by_weekday = weekdays_[weekday];
  return any_day_ || any_weekday_ ? by_day && by_weekday : by_day || by_weekday;
}

std::optional<WallTime> Cron::first_of(cctz::civil_day day, WallTime after, cctz::time_zone const& zone) const {
  for (int hour = 0; hour < 24; ++hour) {
    if (!hours_[static_cast<std::size_t>(hour)]) continue;
    for (int minute = 0; minute < 60; ++minute) {
      if (!minutes_[static_cast<std::size_t>(minute)]) continue;
      auto const time = instant_of(cctz::civil_second(day) + (hour * 60 + minute) * 60, zone);
      if (time > after) return time;
    }
  }
  return std::nullopt;
}

std::optional<WallTime> Cron::next(WallTime after, cctz::time_zone const& zone) const {
  // The gap that a clock change leaves may lie at midnight: a time of the day before can be today's first moment.
  auto day = cctz::civil_day(shown_at(after, zone)) - 1;
  for (int tried = 0; tried < kLongestDays; ++tried, ++day)
    if (means(day))
      if (auto const time = first_of(day, after, zone)) return time;
  return std::nullopt;
}

}  // namespace ar::daemon
