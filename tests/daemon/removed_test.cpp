// What was removed lately, and who is told so.
#include "daemon/store/removed.hpp"

#include "daemon/api/access.hpp"
#include "daemon/store/retention.hpp"
#include "daemon/store/tables/kept_answer_table.hpp"
#include "daemon/store/tables/removed_table.hpp"
#include "daemon/store/tables/spawn_key_table.hpp"
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

struct Removals {
  World world;

  void add(std::string const& id, json more = json::object()) {
    more["id"] = id;
    world.begin_spawn(more);
    world.until([&] { return world.supervisor().find(id)->state() == AgentState::idle; }, id + " is idle");
  }
  void remove(std::string const& id) {
    REQUIRE(world.await(world.supervisor().find(id)->act("stop", json::object())).has_value());
    auto const removed = world.await(world.supervisor().remove(id));
    REQUIRE_MESSAGE(removed.has_value(), removed.error().message);
  }
  std::string asked_for(std::string const& id) {
    auto const agent = world.supervisor().get(id);
    return agent ? "there" : agent.error().code;
  }
  bool may_see(std::string const& agent, std::string const& other) {
    Access const access(world.supervisor(), world.services().lineage, world.services().removed, "token");
    return access.is_descendant(other, agent);
  }
};

}  // namespace

TEST_CASE("WhatWasRemovedIsGoneForAsLongAsHistoryIsKept") {
  Removals book;
  auto& world = book.world;
  CHECK(book.asked_for("a") == "no_such_agent");
  book.add("a");
  book.remove("a");
  CHECK(book.asked_for("a") == "gone");
  world.crash();
  world.start();
  CHECK(book.asked_for("a") == "gone");
  book.add("a");  // another one
  CHECK(book.asked_for("a") == "there");
  book.remove("a");
  world.config().history_retention_days = 0;
  world.pass(1s);
  CHECK(book.asked_for("a") == "no_such_agent");
  WorkerPool threads{1};
  Worker files(threads);
  RetentionLimits limits;
  limits.history = std::chrono::days(0);
  Retention retention(
      world.executor(), world.journal(), files, [&](auto const&) { return world.dir() / "none"; }, limits);
  REQUIRE(world.await(retention.prune()).has_value());
  auto query = [](Database& db) -> Result<std::size_t> { return RemovedTable(db).newest(10).size(); };
  CHECK(*world.ask(world.journal().read(std::move(query))) == 0);
}

TEST_CASE("AnAgentSeesThatItsDescendantsAreGoneAndNothingOfOthers") {
  Removals book;
  auto& world = book.world;
  book.add("a");
  book.add("b", {{"parent", "a"}});
  book.add("c", {{"parent", "b"}});
  book.add("other");
  book.add("nobodys");
  for (auto const* id : {"c", "nobodys"}) book.remove(id);
  CHECK(book.may_see("b", "c"));
  CHECK(book.may_see("a", "c"));
  CHECK_FALSE(book.may_see("other", "c"));
  CHECK_FALSE(book.may_see("a", "nobodys"));
  CHECK_FALSE(book.may_see("a", "never-was"));

  book.remove("b");
  CHECK(book.may_see("a", "b"));
  CHECK(book.may_see("a", "c"));  // it is a's now
  CHECK_FALSE(book.may_see("b", "c"));
  world.crash();
  world.start();
  CHECK(book.may_see("a", "c"));
  book.add("b");  // another one, whose that child never was
  CHECK_FALSE(book.may_see("b", "c"));
  CHECK_FALSE(book.may_see("a", "b"));
  book.remove("a");
  book.add("a");
  CHECK_FALSE(book.may_see("a", "c"));
}

TEST_CASE("TheKeyOfASpawnWhoseAgentIsGoneMakesNoOther") {
  Removals book;
  auto& world = book.world;
  json const body = {{"id", "a"}, {"cwd", world.dir().string()}};
  auto const spawn = [&](std::string const& hash) {
    auto const spawned = world.await(world.supervisor().spawn(body, {"key", hash}));
    return spawned ? (spawned->created ? "created" : "again") : spawned.error().code;
  };
  CHECK(spawn("hash") == "created");
  world.until_state("idle");
  CHECK(spawn("hash") == "again");
  book.remove("a");
  CHECK(spawn("hash") == "gone");
  CHECK(spawn("another") == "idempotency_conflict");
  book.add("a");  // without the key: another one of its name
  CHECK(spawn("hash") == "gone");
  world.crash();
  world.start();
  CHECK(spawn("hash") == "gone");
}

TEST_CASE("WhatIsNotAnAgentIsGoneForItsOwner") {
  Removals book;
  auto& removed = book.world.services().removed;
  removed.note(kSkillNoun, "skl_1");
  removed.note(kWebhookNoun, "whk_1", "a");
  CHECK(removed.gone(kSkillNoun, "skl_1")->code == "gone");
  CHECK_FALSE(removed.gone(kSnapshotNoun, "skl_1").has_value());
  CHECK(*removed.owner_of(kWebhookNoun, "whk_1") == "a");
  CHECK(removed.owner_of(kWebhookNoun, "whk_2") == nullptr);
  removed.note_agent("a", "");
  CHECK(removed.owner_of(kWebhookNoun, "whk_1")->empty());

  // The newest are known.
  book.world.pass(1s);
  for (std::size_t i = 0; i < Removed::kMost; ++i) removed.note(kSkillNoun, "skl_x" + std::to_string(i));
  CHECK_FALSE(removed.gone(kSkillNoun, "skl_1").has_value());
  CHECK(removed.gone(kSkillNoun, "skl_x0").has_value());
}

TEST_CASE("AnAgentsKeysAreNotThoseOfTheNextOneOfItsName") {
  Removals book;
  auto& world = book.world;
  book.add("a");
  world.journal().write([](Database& db) {
    SpawnKeyTable(db).put("a k", {"hash", "a-1"});
    SpawnKeyTable(db).put("ab k", {"hash", "ab-1"});
    KeptAnswerTable(db).put("agent a", "k", {"hash", "/v1/webhooks/w", "{}"}, wall_now());
    KeptAnswerTable(db).put("agent ab", "k", {"hash", "/v1/webhooks/w", "{}"}, wall_now());
  });
  book.remove("a");
  auto query = [](Database& db) -> Result<std::vector<bool>> {
    return std::vector<bool>{SpawnKeyTable(db).find("a k").has_value(), SpawnKeyTable(db).find("ab k").has_value(),
                             KeptAnswerTable(db).find("agent a", "k").has_value(),
                             KeptAnswerTable(db).find("agent ab", "k").has_value()};
  };
  auto const known = world.await(world.journal().read(std::move(query)));
  REQUIRE(known.has_value());
  CHECK(*known == std::vector<bool>{false, true, false, true});
}
