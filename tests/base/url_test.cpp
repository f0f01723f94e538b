#include "base/http/url.hpp"

#include <doctest/doctest.h>

using namespace ar;
using namespace ar::http;

TEST_CASE("PercentDecodingTakesWellFormedEscapesOnly") {
  CHECK(percent_decode("a%20b%2fc%2F") == "a b/c/");
  CHECK(percent_decode("%C3%A4") == "ä");
  CHECK(percent_decode("a+b") == "a+b");
  CHECK(percent_decode("a+b%2B", true) == "a b+");
  CHECK(percent_decode("") == "");
  for (auto const* bad : {"%", "%4", "%4x", "%%41", "a%", "%00", "%ff", "%C3"}) {
    CAPTURE(bad);
    CHECK_FALSE(percent_decode(bad).has_value());
  }
}

TEST_CASE("QueryErrorsNameTheParameter") {
  auto const field = [](std::string_view text) {
    auto query = Query::parse(text);
    if (!query) return query.error().field;
    if (auto stranger = query->unknown("limit cursor readOnly wait")) return *stranger;
    query->integer("limit", 100, 1, 1000);
    query->integer("cursor", 0, 0, INT64_MAX);
    return query->error() ? query->error()->field : std::string("none");
  };
  CHECK(field("") == "none");
  CHECK(field("limit=5&cursor=9223372036854775807&readOnly=true&wait=done") == "none");
  CHECK(field("&&limit=5&") == "none");
  CHECK(field("limit=0") == "limit");
  CHECK(field("limit=1001") == "limit");
  CHECK(field("limit=") == "limit");
  CHECK(field("limit=5x") == "limit");
  CHECK(field("limit=-5") == "limit");
  CHECK(field("limit= 5") == "limit");
  CHECK(field("cursor=9223372036854775808") == "cursor");
  CHECK(field("limit=1&limit=2") == "limit");
  CHECK(field("cursor=%zz") == "cursor");
  CHECK(field("lim=5") == "lim");
  CHECK(field("limit cursor=5") == "limit cursor");
  CHECK(field("=5") == "query");
  CHECK(field("%ff=5") == "query");
}

TEST_CASE("AbsentParametersYieldTheirDefaults") {
  auto query = Query::parse("");
  REQUIRE(query.has_value());
  CHECK(query->integer("limit", 100, 1, 1000) == 100);
  CHECK_FALSE(query->error().has_value());
}
