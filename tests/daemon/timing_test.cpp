// When schedules are due: cron expressions, intervals, time zones and their clock changes.
#include "daemon/schedule/timing.hpp"

#include "daemon/schedule/cron.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;

namespace {

WallTime time(std::string const& text) {
  auto const read = from_iso8601(text.size() == 16 ? text + ":00.000Z" : text);
  REQUIRE_MESSAGE(read.has_value(), text);
  return *read;
}

/// The first due times after that one, without their seconds.
std::vector<std::string> dues(std::string const& cron, std::string const& zone, std::string const& after, int count) {
  Timing const timing{.cron = cron, .zone = zone};
  std::vector<std::string> found;
  for (auto at = time(after); static_cast<int>(found.size()) < count;) {
    auto const next = next_due(timing, at);
    REQUIRE(next.has_value());
    CHECK(*next > at);
    at = *next;
    found.push_back(to_iso8601(at).substr(0, 16));
  }
  return found;
}
std::string due(std::string const& cron, std::string const& after, std::string const& zone = "UTC") {
  return dues(cron, zone, after, 1).front();
}

using Times = std::vector<std::string>;
auto const kNow = from_iso8601("2026-01-01T12:00:00.000Z").value();  // a Thursday

Result<Timing> timing(json const& request) { return timing_from(request, kNow, 10s); }
std::string refused(json const& request) {
  auto const read = timing(request);
  return read ? "" : read.error().field;
}
std::string first(json request, std::string const& zone = "Europe/Berlin") {
  request["timeZone"] = zone;
  auto const read = timing(request);
  REQUIRE_MESSAGE(read.has_value(), read.error().message);
  return to_iso8601(read->first.value_or(WallTime()));
}

}  // namespace

TEST_CASE("ACronExpressionMeansTheseTimes") {
  struct Row {
    char const *cron, *after, *due;
  };
  for (auto const& [cron, after, wanted] : {
           Row{"* * * * *", "2026-01-01T12:00", "2026-01-01T12:01"},
           {"*/15 * * * *", "2026-01-01T12:00", "2026-01-01T12:15"},
           {"*/15 * * * *", "2026-01-01T12:45", "2026-01-01T13:00"},
           {"5,35 8-10/2 * * *", "2026-01-01T08:35", "2026-01-01T10:05"},
           {"0 9 * * 1-5", "2026-01-02T09:00", "2026-01-05T09:00"},  // Friday to Monday
           {"0 9 * * mon-fri", "2026-01-03T00:00", "2026-01-05T09:00"},
           {"0 9 * * SUN", "2026-01-01T12:00", "2026-01-04T09:00"},
           {"0 9 * * 7", "2026-01-01T12:00", "2026-01-04T09:00"},
           {"0 9 * * 0", "2026-01-04T09:00", "2026-01-11T09:00"},
           {"0 9 * * fri-7", "2026-01-02T09:00", "2026-01-03T09:00"},
           {"0 0 31 * *", "2026-01-31T00:00", "2026-03-31T00:00"},
           {"0 0 29 feb *", "2026-01-01T12:00", "2028-02-29T00:00"},
           {"0 0 29 2 *", "2096-03-01T00:00", "2104-02-29T00:00"},    // 2100 has none
           {"0 0 13 * fri", "2026-01-01T12:00", "2026-01-02T00:00"},  // either day
           {"0 0 13 * fri", "2026-01-09T00:00", "2026-01-13T00:00"},
           {"0 0 */2 * mon", "2026-01-01T12:00", "2026-01-05T00:00"},  // both: the day begins with *
           {"0 0 1 jan,Jul *", "2026-01-01T00:00", "2026-07-01T00:00"},
           {"59 23 31 12 *", "2026-01-01T00:00", "2026-12-31T23:59"},
           {"@hourly", "2026-01-01T12:59", "2026-01-01T13:00"},
           {"@daily", "2026-01-01T12:00", "2026-01-02T00:00"},
           {"@midnight", "2026-01-01T12:00", "2026-01-02T00:00"},
           {"@weekly", "2026-01-01T12:00", "2026-01-04T00:00"},
           {"@monthly", "2026-01-01T12:00", "2026-02-01T00:00"},
           {"@yearly", "2026-01-01T12:00", "2027-01-01T00:00"},
           {"@annually", "2026-01-01T12:00", "2027-01-01T00:00"},
           {"  0\t9  * * *  ", "2026-01-01T12:00", "2026-01-02T09:00"},
       }) {
    CAPTURE(cron);
    CHECK(due(cron, after) == wanted);
  }
}

TEST_CASE("WhatIsNoCronExpressionIsRefused") {
  for (auto const* text : {"",
                           "* * * *",
                           "* * * * * *",
                           "60 * * * *",
                           "* 24 * * *",
                           "* * 0 * *",
                           "* * 32 * *",
                           "* * * 13 *",
                           "* * * 0 *",
                           "* * * * 8",
                           "-1 * * * *",
                           "1- * * * *",
                           "5-1 * * * *",
                           "*/0 * * * *",
                           "*/60 * * * *",
                           "5/10 * * * *",
                           "a * * * *",
                           "* * * foo *",
                           "1,,2 * * * *",
                           "1, * * * *",
                           ", * * * *",
                           "1.5 * * * *",
                           "@reboot",
                           "@every 5m",
                           "* * * * mon-",
                           "99999999999999999999 * * * *",
                           "* * * * *\n* * * * *"}) {
    CAPTURE(text);
    auto const read = Cron::parse(text);
    CHECK_FALSE(read.has_value());
    if (!read) CHECK(read.error().field == "cron");
  }
}

TEST_CASE("CronIsWhatAWalkThroughAllMinutesFinds") {
  auto const zone = *find_zone("Europe/Berlin");
  for (auto const* text : {"7 3 * * *", "0 0,12 1-7 * wed", "*/20 2 * 3,10 sun", "30 1-3 25-31 * *"}) {
    CAPTURE(text);
    auto const cron = *Cron::parse(text);
    auto const fields = *Cron::parse(text);
    Times wanted, found;
    auto const end = time("2026-11-10T00:00");
    // Of the times that a clock on the wall shows, the first moment of each.
    for (auto shown = cctz::civil_minute(2026, 3, 1); instant_of(shown, zone) < end; ++shown) {
      auto const utc = cctz::utc_time_zone();
      auto const there = std::chrono::time_point_cast<milliseconds>(cctz::convert(shown, utc));
      if (fields.next(there - 1ms, utc) == WallTime(there.time_since_epoch())) {
        auto const at = to_iso8601(instant_of(shown, zone));
        if (wanted.empty() || wanted.back() != at) wanted.push_back(at);
      }
    }
    for (auto at = cron.next(instant_of(cctz::civil_minute(2026, 3, 1), zone) - 1ms, zone); at && *at < end;
         at = cron.next(*at, zone))
      found.push_back(to_iso8601(*at));
    CHECK(found == wanted);
    CHECK(found.size() > 10);
  }
}

TEST_CASE("ATimeThatAClockChangeLeavesOutComesAtTheFirstMomentAfterIt") {
  CHECK(dues("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00", 3) ==
        Times{"2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"});
  CHECK(dues("*/20 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 2) == Times{"2026-03-29T01:00", "2026-03-30T00:00"});
  CHECK(dues("0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00", 2) == Times{"2026-03-29T01:00", "2026-03-30T00:00"});
  CHECK(dues("15 2 * * *", "America/New_York", "2026-03-07T00:00", 3) ==
        Times{"2026-03-07T07:15", "2026-03-08T07:00", "2026-03-09T06:15"});
  // Midnight itself is left out.
  CHECK(dues("0 0 * * *", "Africa/Cairo", "2026-04-23T00:00", 2) == Times{"2026-04-23T22:00", "2026-04-24T21:00"});
}

TEST_CASE("ATimeThatComesTwiceIsDueOnceTheFirstTime") {
  CHECK(dues("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 2) == Times{"2026-10-25T00:30", "2026-10-26T01:30"});
  CHECK(dues("0,30 * * * *", "Europe/Berlin", "2026-10-24T23:45", 4) ==
        Times{"2026-10-25T00:00", "2026-10-25T00:30", "2026-10-25T02:00", "2026-10-25T02:30"});
  CHECK(dues("30 1 * * *", "America/New_York", "2026-10-31T12:00", 2) == Times{"2026-11-01T05:30", "2026-11-02T06:30"});
  // Asked within the hour that comes again.
  CHECK(due("30 2 * * *", "2026-10-25T01:10", "Europe/Berlin") == "2026-10-26T01:30");
}

TEST_CASE("AnIntervalDoesNotDrift") {
  Timing const timing{.first = time("2026-01-01T00:00"), .every = 1h, .zone = "UTC"};
  CHECK(next_due(timing, time("2025-01-01T00:00")) == time("2026-01-01T00:00"));
  CHECK(next_due(timing, time("2026-01-01T00:00")) == time("2026-01-01T01:00"));
  CHECK(next_due(timing, time("2026-03-05T17:59")) == time("2026-03-05T18:00"));
  CHECK(next_due(timing, time("2026-03-05T18:00")) == time("2026-03-05T19:00"));
  CHECK(next_due({.first = kNow}, kNow - 1ms) == kNow);
  CHECK_FALSE(next_due({.first = kNow}, kNow).has_value());
}

TEST_CASE("OfManyTimesThatHavePassedTheLastIsFound") {
  auto const from = time("2026-01-01T00:00"), now = time("2036-05-05T05:05");
  for (auto const& timing : {Timing{.first = from, .every = 10s}, Timing{.first = from, .every = 7h},
                             Timing{.cron = "* * * * *", .zone = "Europe/Berlin"}, Timing{.first = from},
                             Timing{.cron = "0 9 1 1 *", .zone = "UTC"}}) {
    auto const start = *next_due(timing, from - 1ms);
    auto const last = last_due(timing, start, now);
    CHECK(last >= start);
    CHECK(last <= now);
    CHECK(next_due(timing, last - 1ms) == last);
    auto const after = next_due(timing, last);
    CHECK((!after || *after > now));
  }
  Timing const daily{.cron = "0 9 * * *", .zone = "UTC"};
  auto const one = time("2026-01-02T09:00");
  CHECK(last_due(daily, one, one) == one);
  CHECK(last_due(daily, one, time("2026-01-03T08:59")) == one);
  CHECK(last_due(daily, one, time("2026-01-03T09:00")) == time("2026-01-03T09:00"));
}

TEST_CASE("AFirstTimeIsReadInItsZone") {
  CHECK(first({{"at", "2026-01-01T18:00:00Z"}}) == "2026-01-01T18:00:00.000Z");
  CHECK(first({{"at", "2026-01-01T18:00:00.250+02:00"}}) == "2026-01-01T16:00:00.250Z");
  CHECK(first({{"at", "2026-07-01 18:00"}}) == "2026-07-01T16:00:00.000Z");
  CHECK(first({{"at", "2026-07-01T18:00:30"}}) == "2026-07-01T16:00:30.000Z");
  CHECK(first({{"at", "13:30"}}) == "2026-01-01T12:30:00.000Z");
  CHECK(first({{"at", "12:30"}}) == "2026-01-02T11:30:00.000Z");  // it is 13:00 there
  CHECK(first({{"at", "2026-03-29 02:30"}}) == "2026-03-29T01:00:00.000Z");
  CHECK(first({{"at", "2026-10-25 02:30"}}) == "2026-10-25T00:30:00.000Z");
  CHECK(first({{"in", "90m"}}) == "2026-01-01T13:30:00.000Z");
  CHECK(first({{"every", "1d"}}) == "2026-01-02T12:00:00.000Z");
  CHECK(first({{"every", "1d"}, {"at", "18:00"}}, "UTC") == "2026-01-01T18:00:00.000Z");
}

TEST_CASE("WhenIsRefusedWithItsField") {
  CHECK(refused(json::object()) == "at");
  CHECK(refused({{"at", "yesterday"}}) == "at");
  CHECK(refused({{"at", "2026-02-30 10:00"}}) == "at");
  CHECK(refused({{"at", "2025-12-31T00:00:00Z"}}) == "at");
  CHECK(refused({{"at", "9999-12-31T00:00:00Z"}}) == "at");
  CHECK(refused({{"at", "18:00"}, {"in", "1h"}}) == "in");
  CHECK(refused({{"in", "soon"}}) == "in");
  CHECK(refused({{"every", "9s"}}) == "every");
  CHECK(refused({{"every", "often"}}) == "every");
  CHECK(refused({{"cron", "0 9 * * *"}, {"every", "1d"}}) == "cron");
  CHECK(refused({{"cron", "0 9 * * *"}, {"at", "18:00"}}) == "cron");
  CHECK(refused({{"cron", "0 0 30 2 *"}}) == "cron");  // never comes
  CHECK(refused({{"cron", "0 0 31 4,6,9,11 *"}}) == "cron");
  CHECK(refused({{"cron", "0 9 * * *"}}).empty());
  CHECK(refused({{"every", "10s"}}).empty());
  for (auto const* zone : {"Europe/Nowhere", "/etc/localtime", "../../etc/passwd", "localtime", "Fixed/UTC+05:00:00",
                           "Europe/Berlin\n", "Europe", " "}) {
    CAPTURE(zone);
    CHECK(refused({{"every", "1h"}, {"timeZone", zone}}) == "timeZone");
  }
}

TEST_CASE("ATimingIsKeptAsItIs") {
  for (auto const& one : {Timing{.first = kNow, .zone = "UTC"}, Timing{.first = kNow, .every = 90s, .zone = "UTC"},
                          Timing{.cron = "0 9 * * *", .zone = "Europe/Berlin"}}) {
    auto const again = timing_from_journal(to_json(one));
    CHECK(to_json(again) == to_json(one));
    CHECK(next_due(again, kNow) == next_due(one, kNow));
  }
}
