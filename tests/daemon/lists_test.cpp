// Lists in pages, while their rows come and go.
#include "daemon/api/agents_api.hpp"
#include "daemon/api/sessions_api.hpp"
#include "daemon/store/tables/turn_table.hpp"
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

/// Agents whose programs cannot be started: they are there, and run nothing.
struct Fleet {
  explicit Fleet(std::initializer_list<char const*> names) {
    world.script.start_fails = internal("no_program", "there is no program");
    for (auto const* name : names) spawn(name);
    access.open();
  }
  void spawn(char const* name) {
    world.begin_spawn({{"id", name}});
    world.until([&] { return world.supervisor().find(name)->state() == AgentState::failed; }, "it has failed");
  }
  json page(json const& before = json::object()) {
    Page page;
    page.limit = 2;
    page.after = before.value("nextCursor", "");
    auto const answer = world.await(api.agents(Principal{Principal::Kind::operator_}, page));
    REQUIRE(answer.has_value());
    return *answer;
  }
  json sessions(json const& before = json::object(), std::int64_t since = 0) {
    Page page;
    page.limit = 2;
    page.after = before.value("nextCursor", "");
    page.since = since;
    auto const answer = world.await(session_api.sessions(Principal{Principal::Kind::operator_}, page));
    REQUIRE(answer.has_value());
    return *answer;
  }
  static std::string names(json const& page) {
    std::string all;
    for (auto const& one : page[page.contains("agents") ? "agents" : "sessions"]) all += one["id"].get<std::string>();
    return all;
  }

  World world;
  Access access{world.supervisor(), world.services().lineage, world.services().removed, "/token"};
  AgentsApi api{world.services(), world.supervisor(), access};
  relay::Uploads uploads{};
  MessageAccess rights{*world.bus, world.supervisor(), uploads};
  MessagesApi messages{world.services(), world.supervisor(), access, rights, uploads};
  AttachmentsApi attachments{*world.bus, uploads, rights};
  SessionsApi session_api{world.services(), world.supervisor(), access, messages, attachments};
};

}  // namespace

TEST_CASE("PagesOfAgentsNeitherSkipNorRepeatWhileAgentsComeAndGo") {
  Fleet fleet{"b", "d", "f", "h"};
  auto const first = fleet.page();
  CHECK(Fleet::names(first) == "bd");
  fleet.spawn("a");                                                              // before the cursor
  REQUIRE(fleet.world.await(fleet.world.supervisor().remove("d")).has_value());  // the cursor's own
  fleet.spawn("e");
  auto const second = fleet.page(first);
  CHECK(Fleet::names(second) == "ef");
  REQUIRE(fleet.world.await(fleet.world.supervisor().remove("b")).has_value());
  auto const third = fleet.page(second);
  CHECK(Fleet::names(third) == "h");
  CHECK_FALSE(third.contains("nextCursor"));
}

TEST_CASE("PagesOfSessionsNeitherSkipNorRepeatWhileSessionsComeAndGo") {
  Fleet fleet{"b", "d", "f", "h"};
  auto const first = fleet.sessions();
  CHECK(Fleet::names(first) == "bd");
  fleet.spawn("a");
  REQUIRE(fleet.world.await(fleet.world.supervisor().remove("d")).has_value());
  fleet.spawn("e");
  auto const second = fleet.sessions(first);
  CHECK(Fleet::names(second) == "ef");
  auto const third = fleet.sessions(second);
  CHECK(Fleet::names(third) == "h");
  CHECK_FALSE(third.contains("nextCursor"));
}

TEST_CASE("OfSessionsThoseThatHaveChangedSinceAreListed") {
  Fleet fleet{"a", "b", "c"};
  fleet.world.step(10s);
  auto const then = to_millis(fleet.world.now());
  CHECK(fleet.sessions(json::object(), then)["sessions"].empty());
  fleet.spawn("d");
  REQUIRE_FALSE(fleet.world.await(fleet.world.supervisor().find("b")->act("restart", json::object())).has_value());
  fleet.spawn("e");
  auto const first = fleet.sessions(json::object(), then);
  CHECK(Fleet::names(first) == "bd");
  auto const second = fleet.sessions(first, then);
  CHECK(Fleet::names(second) == "e");
  CHECK_FALSE(second.contains("nextCursor"));
  CHECK(fleet.sessions(json::object(), to_millis(fleet.world.now()) + 1)["sessions"].empty());
}

TEST_CASE("AFullPageOfAgentsMayBeTheLast") {
  Fleet fleet{"a", "b"};
  auto const page = fleet.page();
  CHECK(Fleet::names(page) == "ab");
  CHECK_FALSE(page.contains("nextCursor"));
}

TEST_CASE("TurnsComeInPagesFromTheNewestDown") {
  Fleet fleet{"a"};
  auto const put = [&](int number) {
    fleet.world.journal().write(
        [number](Database& db) { TurnTable(db).put("a", number, json{{"number", number}}.dump()); });
  };
  for (int number = 1; number <= 4; ++number) put(number);
  Page page;
  page.limit = 2;
  auto const first = fleet.world.await(fleet.api.turns("a", page));
  REQUIRE(first.has_value());
  CHECK((*first)["turns"][0]["number"] == 4);
  CHECK((*first)["nextCursor"] == 3);
  put(5);
  page.cursor = 3;
  auto const second = fleet.world.await(fleet.api.turns("a", page));
  CHECK((*second)["turns"].size() == 2);
  CHECK((*second)["turns"][0]["number"] == 2);
  CHECK_FALSE(second->contains("nextCursor"));
}
