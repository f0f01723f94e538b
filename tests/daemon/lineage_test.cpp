#include "daemon/agent/lineage.hpp"

#include <doctest/doctest.h>

using ar::daemon::Lineage;
using Names = std::vector<std::string>;

TEST_CASE("ALineKnowsWhoIsAboveAndBelow") {
  Lineage lineage;
  for (auto const& [id, parent] : {std::pair{"r", ""}, {"a", "r"}, {"b", "r"}, {"c", "a"}, {"other", ""}})
    lineage.add(id, {parent, *parent ? "r" : id, id});
  CHECK(lineage.ancestors("c") == Names{"a", "r"});
  CHECK(lineage.ancestors("r").empty());
  CHECK(lineage.descendants("r") == Names{"a", "b", "c"});
  CHECK(lineage.descendants("c").empty());
  CHECK(lineage.is_descendant("c", "r"));
  CHECK(lineage.is_descendant("c", "a"));
  CHECK_FALSE(lineage.is_descendant("r", "c"));
  CHECK_FALSE(lineage.is_descendant("c", "c"));
  CHECK_FALSE(lineage.is_descendant("c", "b"));
  CHECK_FALSE(lineage.is_descendant("nobody", "r"));
  CHECK_FALSE(lineage.is_descendant("other", ""));
  lineage.remove("c");
  CHECK(lineage.descendants("a").empty());
  CHECK(lineage.find("c") == nullptr);
}

TEST_CASE("ACircleOfParentsHasAnEnd") {
  Lineage lineage;
  for (auto const& [id, parent] : {std::pair{"a", "c"}, {"b", "a"}, {"c", "b"}, {"self", "self"}})
    lineage.add(id, {parent, "a", id});
  CHECK(lineage.ancestors("a") == Names{"c", "b"});
  CHECK(lineage.descendants("a") == Names{"b", "c"});
  CHECK(lineage.ancestors("self").empty());
  CHECK(lineage.descendants("self").empty());
}
