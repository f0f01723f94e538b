#include "base/suggest.hpp"

#include "base/words.hpp"

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

TEST_CASE("WordsOfAListAreWholeWords") {
  using Words = std::vector<std::string_view>;
  CHECK(words_of("").empty());
  CHECK(words_of("one  two three ") == Words{"one", "two", "three"});
  CHECK(has_word("memoryIds memory", "memory"));
  CHECK(has_word("one", "one"));
  for (auto const* no : {"mem", "Ids", "", " ", "memoryIds memory"}) CHECK_FALSE(has_word("memoryIds memory x", no));
  CHECK_FALSE(has_word("memoryIds x", "memory"));
  CHECK_FALSE(has_word("one two", ""));
}
