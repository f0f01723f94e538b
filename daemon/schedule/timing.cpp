#include "daemon/schedule/timing.hpp"

#include "base/duration.hpp"
#include "base/words.hpp"
#include "daemon/schedule/cron.hpp"

#include <array>

namespace ar::daemon {
namespace {

constexpr milliseconds kLongest = std::chrono::hours(24 * 366 * 100);  ///< till the first time

using Seconds = cctz::time_point<cctz::seconds>;

/// "2026-12-24T18:00:00Z" or with another offset.
std::optional<WallTime> absolute(std::string const& text) {
  for (auto const* const format : {"%Y-%m-%dT%H:%M:%E*S%Ez", "%Y-%m-%dT%H:%M%Ez"}) {
    std::chrono::time_point<std::chrono::system_clock, milliseconds> time;
    if (cctz::parse(format, text, cctz::utc_time_zone(), &time)) return WallTime(time.time_since_epoch());
  }
  return std::nullopt;
}

/// What a clock shows: "2026-12-24 18:00", with seconds or without, or "18:00", which is today's or tomorrow's.
std::optional<WallTime> shown(std::string const& text, cctz::time_zone const& zone, WallTime now) {
  auto const utc = cctz::utc_time_zone();
  Seconds time;
  for (auto const* const format : {"%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"})
    if (cctz::parse(format, text, utc, &time)) return instant_of(cctz::convert(time, utc), zone);
  if (!cctz::parse("%H:%M", text, utc, &time)) return std::nullopt;
  auto const clock = cctz::convert(time, utc);
  auto const today = cctz::civil_day(shown_at(now, zone));
  auto const on = [&](cctz::civil_day day) {
    return instant_of(cctz::civil_second(day) + (clock.hour() * 60 + clock.minute()) * 60, zone);
  };
  return on(today) > now ? on(today) : on(today + 1);
}

Result<WallTime> first_from(json const& request, cctz::time_zone const& zone, WallTime now) {
  auto const at = text_at(request, "at"), in = text_at(request, "in");
  if (!at.empty() && !in.empty()) return invalid("in", "give at or in, not both");
  auto time = now;
  if (!in.empty()) {
    auto const wait = parse_duration(in);
    if (!wait) return invalid("in", "in must be a time like 10m, 2h or 1d, not \"" + in.substr(0, 40) + "\"");
    time += *wait;
  } else {
    auto given = absolute(at);
    if (!given) given = shown(at, zone, now);
    if (!given)
      return invalid("at", "\"" + at.substr(0, 40) +
                               "\" is no time; write 18:00, 2026-12-24 18:00 (in timeZone) or 2026-12-24T17:00:00Z");
    time = *given;
    if (time < now) return invalid("at", at + " is over: it is " + to_iso8601(now) + " now");
  }
  if (time - now > kLongest) return invalid(in.empty() ? "at" : "in", "that is more than a hundred years away");
  return time;
}

}  // namespace

Result<Timing> timing_from(json const& request, WallTime now, milliseconds least) {
  auto const every = text_at(request, "every"), cron = text_at(request, "cron");
  bool const has_first = !text_at(request, "at").empty() || !text_at(request, "in").empty();
  if (!cron.empty() && (has_first || !every.empty()))
    return invalid("cron", "a cron expression says it all; leave out at, in and every");
  if (cron.empty() && every.empty() && !has_first)
    return invalid("at", "say when: at a time, in 2h, every 1d, or by a cron expression like \"0 9 * * mon-fri\"");
  Timing timing;
  timing.zone = text_at(request, "timeZone");
  if (timing.zone.empty()) timing.zone = local_zone_name();
  auto const zone = zone_of_field(timing.zone);
  if (!zone) return zone.error();
  if (!cron.empty()) {
    auto const read = Cron::parse(cron);
    if (!read) return read.error();
    if (!read->next(now, *zone))
      return invalid("cron", "\"" + cron.substr(0, 80) + "\" never comes: no such day is in any year");
    timing.cron = trimmed(cron);
    return timing;
  }
  if (has_first) {
    auto const first = first_from(request, *zone, now);
    if (!first) return first.error();
    timing.first = *first;
  }
  if (every.empty()) return timing;
  auto const interval = parse_duration(every);
  if (!interval)
    return invalid("every", "every must be a time like 10m, 2h or 1d, not \"" + every.substr(0, 40) + "\"");
  if (*interval < least)
    return invalid("every", "every must be " + duration_text(least) + " or more, not " + every.substr(0, 40));
  timing.every = *interval;
  if (!timing.first) timing.first = now + *interval;
  return timing;
}

json to_json(Timing const& timing) {
  json kept = json::object();
  if (timing.first) kept["at"] = to_iso8601(*timing.first);
  if (timing.every > milliseconds(0)) kept["every"] = duration_text(timing.every);
  if (!timing.cron.empty()) kept["cron"] = timing.cron;
  kept["timeZone"] = timing.zone;
  return kept;
}

Timing timing_from_journal(json const& kept) {
  Timing timing;
  if (auto const at = text_at(kept, "at"); !at.empty()) timing.first = from_iso8601(at);
  if (auto const every = parse_duration(text_at(kept, "every"))) timing.every = *every;
  timing.cron = text_at(kept, "cron");
  timing.zone = kept.at("timeZone").get<std::string>();
  return timing;
}

std::optional<WallTime> next_due(Timing const& timing, WallTime after) {
  if (!timing.cron.empty()) {
    auto const cron = Cron::parse(timing.cron);
    auto const zone = zone_of_field(timing.zone);
    return cron && zone ? cron->next(after, *zone) : std::nullopt;
  }
  if (!timing.first) return std::nullopt;
  if (*timing.first > after) return timing.first;
  if (timing.every <= milliseconds(0)) return std::nullopt;
  return *timing.first + ((after - *timing.first) / timing.every + 1) * timing.every;
}

WallTime last_due(Timing const& timing, WallTime due, WallTime now) {
  // Between `due` and `now` there may be very many: what is asked is halved instead of walked through.
  auto beyond = now;
  while (auto const later = next_due(timing, due)) {
    if (*later > now) break;
    due = *later;
    auto const middle = due + (beyond - due) / 2;
    auto const far = next_due(timing, middle);
    if (far && *far <= now)
      due = *far;
    else
      beyond = middle;
  }
  return due;
}

}  // namespace ar::daemon
