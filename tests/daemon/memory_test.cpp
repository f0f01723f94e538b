// The memory: its versions, conditions, pages and limits, what goes with an agent, and what agents are given of it.
#include "daemon/api/memory_api.hpp"
#include "world.hpp"

using namespace ar;
using namespace ar::test;
using control::MemoryCondition;
using control::MemoryPage;

namespace {

struct Memory {
  World world;
  daemon::MemoryApi api;
  explicit Memory(daemon::MemoryLimits limits = {}) : api(world.journal(), world.event_log(), limits) {}

  Result<control::MemoryWritten> put(MemoryAddress address, json value, MemoryCondition condition = {}) {
    return world.ask(api.put_memory(std::move(address), std::move(value), std::move(condition)));
  }
  std::int64_t version(MemoryAddress address, json value) {
    auto const written = put(std::move(address), std::move(value));
    REQUIRE_MESSAGE(written.has_value(), written.error().message);
    return written->entry["version"].get<std::int64_t>();
  }
  std::string refused(MemoryAddress address, json value, MemoryCondition condition = {}) {
    auto const written = put(std::move(address), std::move(value), std::move(condition));
    return written ? "" : written.error().code;
  }
  Result<json> entry(MemoryAddress address) { return world.ask(api.memory_entry(std::move(address))); }
  Result<json> remove(MemoryAddress address, MemoryCondition condition = {}) {
    return world.ask(api.remove_memory(std::move(address), std::move(condition)));
  }
  json page(MemoryPage page) { return *world.ask(api.memory_entries("shared", "team", std::move(page))); }
  /// All keys, a page after the other.
  std::vector<std::string> keys(std::string const& prefix, int limit) {
    std::vector<std::string> found;
    MemoryPage next{prefix, "", limit};
    for (;;) {
      auto const part = page(next);
      CHECK(static_cast<int>(part["entries"].size()) <= limit);
      for (auto const& one : part["entries"]) found.push_back(one["key"]);
      if (!part.contains("nextCursor")) return found;
      next.after = part["nextCursor"];
    }
  }
};

MemoryAddress const kEntry{"shared", "team", "k"};
MemoryAddress shared(std::string key) { return {"shared", "team", std::move(key)}; }
MemoryCondition version(std::int64_t number) { return {.version = std::to_string(number)}; }
MemoryCondition const kAbsent{.absent = true}, kPresent{.present = true};

/// What the agent is to be given, and has not got yet.
std::string injected(World& world) {
  auto const& all = world.agent().queue().deliveries().all();
  REQUIRE(all.size() == 1);
  return all.begin()->second.local_body;
}

}  // namespace

TEST_CASE("AnEntryHasItsValueUntilTheNext") {
  Memory memory;
  CHECK(memory.entry(kEntry).error().code == "no_such_entry");
  auto const first = memory.put(kEntry, json{{"a", {1, nullptr, "é"}}});
  REQUIRE(first.has_value());
  CHECK(first->created);
  auto const shown = memory.entry(kEntry);
  REQUIRE(shown.has_value());
  CHECK((*shown)["value"] == json{{"a", {1, nullptr, "é"}}});
  CHECK((*shown)["bytes"] == std::string(R"({"a":[1,null,"é"]})").size());
  CHECK((*shown)["updatedAt"] == to_iso8601(memory.world.now()));
  CHECK_FALSE(memory.put(kEntry, "text")->created);
  CHECK((*memory.entry(kEntry))["value"] == "text");
}

TEST_CASE("AVersionIsNeverGivenTwice") {
  Memory memory;
  auto const first = memory.version(kEntry, 1);
  auto const second = memory.version(kEntry, 1);
  CHECK(second > first);
  REQUIRE(memory.remove(kEntry).has_value());
  CHECK(memory.version(kEntry, 1) > second);
}

TEST_CASE("AConditionThatDoesNotHoldChangesNothing") {
  Memory memory;
  CHECK(memory.refused(kEntry, 1, kPresent) == "precondition_failed");
  CHECK(memory.refused(kEntry, 1, version(1)) == "precondition_failed");
  CHECK(memory.remove(kEntry, kPresent).error().code == "precondition_failed");
  CHECK(memory.refused(kEntry, 1, kAbsent).empty());
  CHECK(memory.refused(kEntry, 2, kAbsent) == "precondition_failed");
  auto const now = (*memory.entry(kEntry))["version"].get<std::int64_t>();
  CHECK(memory.refused(kEntry, 2, version(now + 1)) == "precondition_failed");
  CHECK(memory.remove(kEntry, version(now + 1)).error().code == "precondition_failed");
  CHECK((*memory.entry(kEntry))["value"] == 1);
  CHECK(memory.refused(kEntry, 2, version(now)).empty());
  CHECK(memory.refused(kEntry, 3, version(now)) == "precondition_failed");
  CHECK(memory.refused(kEntry, 3, kPresent).empty());
  CHECK(memory.remove(kEntry, kPresent).has_value());
  CHECK(memory.remove(kEntry).error().code == "no_such_entry");
}

TEST_CASE("OfTwoWhoWriteOnTheSameVersionOneIsRefused") {
  Memory memory;
  auto const seen = memory.version(kEntry, 0);
  int done = 0, refused = 0;
  auto const write = [&](int value) -> awaitable<void> {
    auto condition = version(seen);
    auto const written = co_await memory.api.put_memory(kEntry, value, std::move(condition));
    ++(written ? done : refused);
  };
  memory.world.begin(write(1));
  memory.world.begin(write(2));
  memory.world.until([&] { return done + refused == 2; }, "both have their answer");
  CHECK(done == 1);
}

TEST_CASE("PagesNeitherSkipNorRepeatWhileEntriesComeAndGo") {
  Memory memory;
  std::vector<std::string> all;
  for (int i = 0; i < 7; ++i) all.push_back("a/" + std::to_string(i));
  for (auto const& key : all) memory.version(shared(key), 1);
  memory.version(shared("b"), 1);
  memory.version({"shared", "other", "a/9"}, 1);
  for (int limit : {1, 3, 7, 100}) CHECK(memory.keys("a/", limit) == all);
  CHECK(memory.keys("", 2).size() == 8);
  CHECK(memory.keys("a/6x", 2).empty());
  CHECK(memory.keys("%", 2).empty());
  auto const first = memory.page({"a/", "", 3});
  CHECK(first["nextCursor"] == "a/2");
  REQUIRE(memory.remove(shared("a/2")).has_value());
  memory.version(shared("a/0x"), 1);
  CHECK(memory.page({"a/", "a/2", 3})["entries"][0]["key"] == "a/3");
}

TEST_CASE("APageOfLargeValuesEndsSooner") {
  Memory memory;
  for (int i = 0; i < 6; ++i) memory.version(shared(std::to_string(i)), std::string(250'000, 'x'));
  auto const page = memory.page({});
  CHECK(page["entries"].size() == 4);
  CHECK(page["nextCursor"] == "3");
  CHECK(memory.keys("", 100).size() == 6);
}

TEST_CASE("ScopesAndIdsAreCounted") {
  Memory memory;
  memory.version({"user", "ann", "k"}, "12");
  for (auto const* id : {"x", "y", "z"}) memory.version({"shared", id, "k"}, "1234");
  memory.version({"shared", "y", "l"}, 1);
  CHECK(*memory.world.ask(memory.api.memory_scopes()) ==
        json{{"scopes",
              {{{"scope", "agent"}, {"ids", 0}, {"entries", 0}, {"bytes", 0}},
               {{"scope", "user"}, {"ids", 1}, {"entries", 1}, {"bytes", 4}},
               {{"scope", "shared"}, {"ids", 3}, {"entries", 4}, {"bytes", 19}}}}});
  auto const first = *memory.world.ask(memory.api.memory_ids("shared", {"", "", 2}));
  CHECK(first["ids"] == json{{{"id", "x"}, {"entries", 1}, {"bytes", 6}}, {{"id", "y"}, {"entries", 2}, {"bytes", 7}}});
  CHECK(first["nextCursor"] == "y");
  auto const rest = *memory.world.ask(memory.api.memory_ids("shared", {"", "y", 2}));
  CHECK(rest["ids"].size() == 1);
  CHECK_FALSE(rest.contains("nextCursor"));
  memory.version({"shared", "y", "l"}, "longer");
  REQUIRE(memory.remove({"shared", "x", "k"}).has_value());
  CHECK((*memory.world.ask(memory.api.memory_scopes()))["scopes"][2] ==
        json{{"scope", "shared"}, {"ids", 2}, {"entries", 3}, {"bytes", 20}});
}

TEST_CASE("WhatIsOverALimitIsRefusedAndWhatIsThereStays") {
  Memory memory({.value_bytes = 10, .entries_of_id = 2, .entries = 3, .bytes = 25});
  CHECK(memory.refused(shared("a"), std::string(8, 'x')).empty());
  CHECK(memory.refused(shared("a"), std::string(9, 'x')) == "too_large");
  CHECK(memory.refused(shared("b"), std::string(8, 'x')).empty());
  CHECK(memory.refused(shared("c"), 1) == "quota");  // of the id
  CHECK(memory.refused(shared("b"), 1).empty());     // in its place
  CHECK(memory.refused({"user", "ann", "a"}, std::string(8, 'x')).empty());
  CHECK(memory.refused({"user", "ann", "b"}, 1) == "quota");           // of all entries
  CHECK(memory.refused(shared("b"), std::string(4, 'x')) == "quota");  // of all bytes
  CHECK(memory.refused(shared("b"), std::string(3, 'x')).empty());
  CHECK((*memory.entry(shared("a")))["value"] == std::string(8, 'x'));
  REQUIRE(memory.remove({"user", "ann", "a"}).has_value());
  CHECK(memory.refused({"user", "ann", "b"}, 1).empty());
}

TEST_CASE("AValueThatIsNestedTooDeepIsRefused") {
  Memory memory;
  json deep = 1;
  for (int i = 0; i < 33; ++i) deep = json::array({deep});
  auto const written = memory.put(kEntry, deep);
  REQUIRE_FALSE(written.has_value());
  CHECK(written.error().field == "value");
  CHECK(memory.refused(kEntry, deep[0]).empty());
}

TEST_CASE("TheMemoryOfAnAgentNeedsItAndGoesWithIt") {
  Memory memory;
  MemoryAddress const own{"agent", "a", "plan"};
  CHECK(memory.refused(own, 1) == "no_such_agent");
  memory.world.spawn();
  memory.version(own, "first tests, then docs");
  memory.version({"shared", "a", "plan"}, 1);
  memory.version({"user", "a", "plan"}, 1);
  REQUIRE(memory.world.act("stop").has_value());
  REQUIRE(memory.world.await(memory.world.supervisor().remove("a")).has_value());
  CHECK(memory.entry(own).error().code == "no_such_entry");
  CHECK((*memory.world.ask(memory.api.memory_scopes()))["scopes"][0] ==
        json{{"scope", "agent"}, {"ids", 0}, {"entries", 0}, {"bytes", 0}});
  CHECK(memory.entry({"shared", "a", "plan"}).has_value());
  CHECK(memory.entry({"user", "a", "plan"}).has_value());
  CHECK(memory.refused(own, 1) == "no_such_agent");
}

TEST_CASE("AChangeIsToldWithoutItsValue") {
  Memory memory;
  memory.world.spawn();
  MemoryAddress const own{"agent", "a", "plan"};
  memory.version(own, "a secret");
  CHECK(memory.refused(own, 1, kAbsent) == "precondition_failed");
  REQUIRE(memory.remove(own).has_value());
  auto const named = json{{"scope", "agent"}, {"id", "a"}, {"key", "plan"}};
  for (auto const* type : {"memory.changed", "memory.removed"}) {
    auto const told = memory.world.events(type);
    REQUIRE(told.size() == 1);
    CHECK(told[0]["data"] == named);
  }
  memory.version(kEntry, "a secret");
  (void)memory.world.ask(memory.world.journal().committed());
  auto const all = *memory.world.ask(memory.world.event_log().page("", 0, 1000));
  auto const last = json::parse(all.back().json_text);
  CHECK(last["type"] == "memory.changed");
  CHECK(last["agent"] == "");
  for (auto const& event : all) CHECK(event.json_text.find("a secret") == std::string::npos);
}

TEST_CASE("WhatAnAgentRemembersCanBeInjected") {
  Memory memory;
  auto& world = memory.world;
  world.spawn();
  memory.version(shared("style/tabs"), "Two blanks,\nno tabs.");
  memory.version({"agent", "a", "plan"}, json{{"next", "docs"}});
  auto const command = world.ended(world.command(
      "agent.injectContext",
      {{"content", "Remember:"}, {"memoryIds", {"shared/team/style/tabs", "agent/a/plan", "shared/team/style/tabs"}}}));
  auto const result = command.history.back().detail["result"]["providerResult"];
  CHECK(result["injectedMemoryCount"] == 2);
  CHECK(result["memoryIds"] == json{"shared/team/style/tabs", "agent/a/plan"});
  CHECK(injected(world) ==
        "Remember:\n\n[memory shared/team/style/tabs]\nTwo blanks,\nno tabs.\n\n[memory agent/a/plan]\n"
        "{\"next\":\"docs\"}");
}

TEST_CASE("MemoryAloneIsEnoughToInject") {
  Memory memory;
  memory.world.spawn();
  memory.version(kEntry, "text");
  REQUIRE(memory.world.act("inject", {{"memoryIds", {"shared/team/k"}}}).has_value());
  CHECK(injected(memory.world) == "[memory shared/team/k]\ntext");
}

TEST_CASE("WhatTheMemoryDoesNotHoldIsNamedAndNothingIsInjected") {
  Memory memory;
  auto& world = memory.world;
  world.spawn();
  memory.version(kEntry, 1);
  for (int i = 0; i < 5; ++i) memory.version(shared(std::to_string(i)), std::string(250'000, 'x'));
  auto const refused = [&](std::vector<std::string> const& ids) {
    auto const done = world.act("inject", {{"content", "x"}, {"memoryIds", ids}});
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().field == "memoryIds");
    return done.error().code + ": " + done.error().message;
  };
  CHECK(refused({"shared/team/k", "shared/team/none"})
            .find("no_such_entry: memoryIds: the memory has no "
                  "shared/team/none;") == 0);
  for (auto const* bad :
       {"", "k", "shared/team", "shared/team/", "none/team/k", "agent user/team/k", "shared/../k", "shared/team/a\nb"})
    CHECK_MESSAGE(refused({bad}).find("invalid_argument: ") == 0, bad);
  CHECK(refused({"shared/team/0", "shared/team/1", "shared/team/2", "shared/team/3", "shared/team/4"})
            .find("too_large: ") == 0);
  CHECK(refused(std::vector<std::string>(101, "shared/team/k")).find("too_large: ") == 0);
  CHECK(world.agent().queue().deliveries().waiting() == 0);
}
