#include "base/words.hpp"
#include "model/event_type.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <string>

using namespace ar;

namespace {

std::string row_of(EventType const& type) {
  std::string fields;
  for (auto const field : words_of(type.data)) fields += (fields.empty() ? "`" : ", `") + std::string(field) + "`";
  return "| `" + std::string(type.name) + "` | " + (fields.empty() ? "–" : fields) + " | " + std::string(type.summary) +
         " |";
}

}  // namespace

TEST_CASE("TheEventsPageIsTheCatalogue") {
  std::ifstream page(AR_SOURCE_DIR "/docs/events.md");
  REQUIRE(page.good());
  std::set<std::string> documented;
  for (std::string line; std::getline(page, line);)
    if (line.starts_with("| `")) CHECK_MESSAGE(documented.insert(line).second, line);
  for (auto const& type : event_types()) CHECK_MESSAGE(documented.erase(row_of(type)) == 1, row_of(type));
  for (auto const& line : documented) FAIL_CHECK("documented, but no such event: " << line);
}

TEST_CASE("EventTypesAreFoundByTheirNames") {
  for (auto const& type : event_types()) CHECK(find_event_type(type.name) == &type);
  for (auto const* none : {"", "agent", "agent.", "agent.state ", "zebra"}) CHECK(find_event_type(none) == nullptr);
}
