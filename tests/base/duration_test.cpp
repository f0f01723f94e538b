#include "base/duration.hpp"

#include <doctest/doctest.h>

using namespace ar;

TEST_CASE("ADurationIsReadAndWrittenAlike") {
  for (auto const* text : {"250ms", "30s", "5m", "2h", "1d", "90s", "1500ms", "0ms"}) {
    auto const time = parse_duration(text);
    REQUIRE_MESSAGE(time.has_value(), text);
    CHECK(duration_text(*time) == text);
  }
  CHECK(parse_duration("3")->count() == 3000);
  for (auto const* text : {"", "m", "-1s", "1 s", "1w", "99999999999999999999s", "1.5h"})
    CHECK_FALSE(parse_duration(text).has_value());
}
