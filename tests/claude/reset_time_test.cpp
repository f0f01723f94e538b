#include "adapters/reset_time.hpp"

#include <doctest/doctest.h>

#include <ctime>
#include <map>
#include <string>

using namespace ar;
using adapters::reset_time_in;

namespace {

std::string read(std::string const& text, char const* now = "2026-02-06T12:00:00.000Z") {
  auto const found = reset_time_in(text, *from_iso8601(now), "Etc/GMT-2");  // two hours ahead of UTC
  return found ? to_iso8601(*found) : "none";
}

}  // namespace

TEST_CASE("TheEndOfALimitIsReadFromTheProvidersWords") {
  CHECK(read("You've hit your usage limit. Try again at 3:04 PM.") == "2026-02-06T13:04:00.000Z");
  CHECK(read("or try again at 1:30 AM.") == "2026-02-06T23:30:00.000Z");  // tomorrow's
  CHECK(read("try again at 12:05 AM") == "2026-02-06T22:05:00.000Z");
  CHECK(read("try again at 12:05 PM") == "2026-02-07T10:05:00.000Z");
  CHECK(read("or try again at Feb 9th, 2026 9:15 AM.") == "2026-02-09T07:15:00.000Z");
  CHECK(read("Try again at Mar 1st, 2027 12:00 AM") == "2027-02-28T22:00:00.000Z");
  CHECK(read("You've hit your limit \u00b7 resets 3pm (Europe/Helsinki)") == "2026-02-06T13:00:00.000Z");
  CHECK(read("resets 3:45pm (UTC)") == "2026-02-06T15:45:00.000Z");
  CHECK(read("Your limit will reset at 3pm (UTC).") == "2026-02-06T15:00:00.000Z");
  CHECK(read("resets 3pm (America/New_York)") == "2026-02-06T20:00:00.000Z");
  CHECK(read("resets 5am (America/New_York)") == "2026-02-07T10:00:00.000Z");
  CHECK(read("resets 1:30am (Asia/Tokyo)") == "2026-02-06T16:30:00.000Z");  // it is the 6th, 9 PM, there
  CHECK(read("resets Jul 4 at 3pm (America/New_York)") == "2026-07-04T19:00:00.000Z");
  CHECK(read("resets 3pm (Atlantis/Nowhere)") == "2026-02-06T13:00:00.000Z");
  CHECK(read("resets 3pm (../../etc/passwd)") == "2026-02-06T13:00:00.000Z");
  CHECK(read("resets Feb 9 at 3pm (UTC)") == "2026-02-09T15:00:00.000Z");
  CHECK(read("resets Jan 2, 3pm (UTC)") == "2027-01-02T15:00:00.000Z");
  CHECK(read("Claude AI usage limit reached|1770400000") == "2026-02-06T17:46:40.000Z");
  // The minute that was said has begun.
  CHECK(read("try again at 2:00 PM", "2026-02-06T12:00:30.000Z") == "2026-02-06T12:00:00.000Z");
}

TEST_CASE("TheProvidersOwnZoneIsThatOfItsEnvironment") {
  auto const end_for = [](std::map<std::string, std::string> const& environment) {
    adapters::TurnEnded end;
    end.outcome = adapters::TurnEnded::Outcome::failed;
    end.error = "try again at Feb 9th, 2099 9:15 AM.";
    adapters::read_reset_time(end, environment);
    return to_iso8601(*end.resets_at);
  };
  CHECK(end_for({{"TZ", "Asia/Kolkata"}}) == "2099-02-09T03:45:00.000Z");
  CHECK(end_for({{"TZ", ":America/New_York"}}) == "2099-02-09T14:15:00.000Z");
  CHECK(end_for({{"TZ", "/usr/share/zoneinfo/Asia/Tokyo"}}) == "2099-02-09T00:15:00.000Z");
  // This machine's, as the C library has it.
  std::tm when{};
  when.tm_year = 199;
  when.tm_mon = 1;
  when.tm_mday = when.tm_hour = 9;
  when.tm_min = 15;
  when.tm_isdst = -1;
  auto const here = to_iso8601(WallTime(std::chrono::seconds(std::mktime(&when))));
  CHECK(end_for({}) == here);
  CHECK(end_for({{"TZ", "Atlantis/Nowhere"}}) == here);
}

TEST_CASE("WordsWithoutATimeHaveNone") {
  for (std::string const text :
       {"", "Try again later.", "try again at", "try again at noon", "try again at 25:00 PM", "try again at 3:99 PM",
        "try again at 0:10 AM", "try again at 3", "try again at Feb", "try again at Feb 77th, 2026 3:00 PM",
        "resets soon", "limit reached|", "limit reached|-5", "limit reached|99999999999999", "API Error: 429",
        "try again at 99999999999999999999 PM"})
    CHECK_MESSAGE(read(text) == "none", text);
}
