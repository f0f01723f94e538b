#include "base/suggest.hpp"

#include <doctest/doctest.h>

using namespace ar;

TEST_CASE("TheClosestWordIsSuggested") {
  std::vector<std::string> const verbs{"ps", "spawn", "send", "stop", "status", "suspend", "events"};
  CHECK(closest("spwan", verbs) == "spawn");
  CHECK(closest("event", verbs) == "events");
  CHECK(closest("sotp", verbs) == "stop");
  CHECK(closest("suspnd", verbs) == "suspend");
  CHECK(closest("sned", verbs) == "send");
  CHECK(suggestion("spwan", verbs) == "; did you mean \"spawn\"?");
}

TEST_CASE("NothingIsSuggestedForAWordOfItsOwn") {
  std::vector<std::string> const verbs{"ps", "spawn", "send", "stop"};
  CHECK(closest("frobnicate", verbs).empty());
  CHECK(closest("", verbs).empty());
  CHECK(closest("stop", {"stop"}).empty());
  CHECK(closest(std::string(100'000, 's'), verbs).empty());
  CHECK(suggestion("xyz", verbs).empty());
}
