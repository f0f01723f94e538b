// Snapshots of a daemon with a scripted provider: what is taken, what is brought back, and what twice.
#include "daemon/snapshot/snapshots.hpp"

#include "approval_request.hpp"
#include "daemon/store/tables/memory_table.hpp"
#include "daemon/store/tables/skill_table.hpp"
#include "daemon/store/tables/turn_table.hpp"
#include "daemon/tools/tool_hooks.hpp"
#include "support/file_text.hpp"
#include "world.hpp"

#include <fstream>

using namespace ar;
using namespace ar::test;

namespace {

struct Book {
  World world;
  WorkerPool threads{1};
  std::optional<ToolHooks> tool_hooks;
  std::optional<Snapshots> snapshots;

  Book() { open(); }
  void open() {
    snapshots.reset();
    tool_hooks.emplace(world.executor(), world.journal(), world.event_log(), threads, world.dir() / "tool-hooks");
    REQUIRE(world.await(tool_hooks->load()).has_value());
    snapshots.emplace(world.services(), world.supervisor(), *tool_hooks);
    REQUIRE(world.await(snapshots->sweep()).has_value());
  }
  json create(bool history = false, std::string label = {}) {
    auto const made = world.await(snapshots->create(std::move(label), history));
    REQUIRE_MESSAGE(made.has_value(), made.error().message);
    return *made;
  }
  json restore(std::string const& id, RestoreWishes wishes = {}) {
    auto const done = world.await(snapshots->restore(id, std::move(wishes)));
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    return *done;
  }
  std::filesystem::path folder() const { return world.dir() / "snapshots"; }
  json restore_document(json document, RestoreWishes wishes = {}) {
    auto const done = world.await(snapshots->restore_document(std::move(document), std::move(wishes)));
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    return *done;
  }
  void add_skill(std::string const& name, std::string const& text) {
    auto const added =
        world.await(world.skills().add({name, {{"SKILL.md", text}, {"sub/data", std::string("\0\xff", 2)}}}));
    REQUIRE_MESSAGE(added.has_value(), added.error().message);
    world.pass(1ms);
  }
  /// What a name stands for.
  std::string skill_text(std::string const& name) {
    auto query = [=](Database& db) -> Result<SkillTable::Row> {
      return SkillTable(db).newest(name).value_or(SkillTable::Row());
    };
    auto const row = *world.ask(world.journal().read(std::move(query)));
    return row.id.empty() ? "none" : file_text(world.skills().folder_of({row.id, row.name, row.hash}) / "SKILL.md");
  }
  void add_hook(std::string const& name, std::string const& url) {
    ToolHook hook;
    hook.owner = "web";
    hook.name = name;
    hook.callback_url = url;
    hook.timeout = 5s;
    REQUIRE(world.await(tool_hooks->add(std::move(hook))).has_value());
  }
  json counts(std::string const& table) {
    auto query = [=](Database& db) -> Result<std::int64_t> {
      auto const text = "SELECT count(*) FROM " + table + " WHERE agent = 'a'";
      return integer_of(db, text.c_str());
    };
    return *world.ask(world.journal().read(std::move(query)));
  }
  json turn(std::int64_t number) {
    auto query = [=](Database& db) -> Result<std::string> {
      return TurnTable(db).page("a", number + 1, 1).at(0).second;
    };
    return json::parse(*world.ask(world.journal().read(std::move(query))));
  }
  json document(std::string const& id) const { return json::parse(file_text(folder() / (id + ".json"))); }
  void remove() {
    (void)world.act("stop");
    world.until_state("stopped");
    REQUIRE(world.await(world.supervisor().remove("a")).has_value());
  }
  void remember(MemoryAddress const& address, std::string const& value) {
    world.journal().write([=](Database& db) { MemoryTable(db).put(address, value, wall_now()); });
    REQUIRE(world.ask(world.journal().committed()).has_value());
  }
  std::string remembered(MemoryAddress const& address) {
    auto query = [=](Database& db) -> Result<std::string> {
      auto const entry = MemoryTable(db).find(address);
      return entry ? entry->value : std::string();
    };
    return *world.ask(world.journal().read(std::move(query)));
  }
  int rows_written(json const& restored) {
    int written = 0;
    for (auto const& section : restored["sections"]) written += section["written"].get<int>();
    return written;
  }
};

}  // namespace

TEST_CASE("AnAgentComesBackSuspendedWithWhatIsItsOwn") {
  Book book;
  auto& world = book.world;
  world.spawn({{"label", "builder"}, {"env", {{"API_KEY", "s3cret"}}}, {"tags", {"t"}}});
  world.script.emit(adapters::Asked{touch_request("key")});
  world.until([&] { return !world.approvals().pending_of("a").empty(); }, "it has asked");
  book.remember({"agent", "a", "own"}, "1");
  book.remember({"shared", "team", "k"}, "\"all\"");
  auto const made = book.create(true, "before the move");
  CHECK(made["label"] == "before the move");
  CHECK(made["sections"]["agents"] == json{{"version", "1.0.0"}, {"count", 1}});
  CHECK(made["sections"]["approvals"]["count"] == 1);
  CHECK(made["sections"]["memory"]["count"] == 2);
  CHECK(made["sections"]["history"]["count"] > 3);
  auto const id = made["id"].get<std::string>();
  auto const text = file_text(book.folder() / (id + ".json"));
  CHECK(text.find("s3cret") == std::string::npos);
  CHECK(text.find(world.agent().token().token) == std::string::npos);
  auto const last = world.event_log().last("a");

  book.remove();
  world.crash();
  world.start();  // on the same disk, where nobody knows the agent any more
  book.open();
  auto const restored = book.restore(id, {.history = true});
  REQUIRE(restored["agents"].size() == 1);
  CHECK(restored["agents"][0]["result"] == "restored");
  CHECK(restored["agents"][0]["withheld"] == json::array({"env.API_KEY"}));
  CHECK(world.state() == "suspended");
  CHECK(world.agent().spec().label == "builder");
  CHECK(world.agent().spec().environment.empty());
  CHECK(book.remembered({"agent", "a", "own"}) == "1");
  CHECK(world.event_log().last("a") > last);
  auto const approvals = world.ask(world.approvals().list({.agents = std::vector<std::string>{"a"}}));
  REQUIRE(approvals.has_value());
  REQUIRE((*approvals)["approvals"].size() == 1);
  CHECK((*approvals)["approvals"][0]["status"] == "withdrawn");
  CHECK(world.events("agent.restored").size() == 1);

  auto const again = book.restore(id, {.history = true});
  CHECK(again["agents"][0]["result"] == "exists");
  CHECK(book.rows_written(again) == 0);
}

TEST_CASE("AChildComesBackToTheSameParentOnly") {
  Book book;
  auto& world = book.world;
  world.spawn();
  world.begin_spawn({{"id", "Child"},
                     {"parent", "a"},
                     {"reportEnd", true},
                     {"callback", {{"url", "https://x.example/"}, {"token", "t0p"}}}});
  world.until([&] { return world.supervisor().find("Child")->state() == AgentState::idle; }, "the child is idle");
  auto const id = book.create()["id"].get<std::string>();
  auto const remove = [&] {  // with its child, whose name comes before its parent's
    (void)world.act("stop");
    world.until_state("stopped");
    REQUIRE(world.await(world.supervisor().remove("a")).has_value());
  };
  remove();
  auto const both = book.restore(id);
  CHECK(both["agents"][0]["agent"] == "a");
  CHECK(world.supervisor().find("Child")->spec().parent == "a");
  CHECK(world.supervisor().find("Child")->spec().report_end);
  CHECK(world.supervisor().find("Child")->spec().callback.url.empty());  // its token was withheld

  remove();
  world.pass(std::chrono::seconds(1));
  world.spawn();  // another one of that name
  auto const restored = book.restore(id);
  auto const child = world.supervisor().find("Child");
  REQUIRE(child);
  CHECK(child->spec().parent.empty());
  CHECK(child->spec().user == "operator");
  CHECK_FALSE(child->spec().report_end);
  CHECK(restored["agents"][1]["leftOut"][0] == "its parent a, which is not here");
}

TEST_CASE("AChildThatLosesItsParentGetsNoRightsByIt") {
  Book book;
  auto& world = book.world;
  world.spawn({{"children", {{"spawn", true}}}});
  json const wanted = {{"id", "a-b"}, {"children", {{"spawn", true}}}};
  auto const spawned = world.await(world.supervisor().spawn(wanted, {}, Principal{Principal::Kind::agent, "a"}));
  REQUIRE_MESSAGE(spawned.has_value(), spawned.error().message);
  auto const child = [&] { return world.supervisor().find("a-b"); };
  world.until([&] { return child()->state() == AgentState::idle; }, "the child is idle");
  CHECK(asker_of(child()->spec()).named_by_agent);
  REQUIRE(child()->spec().children.spawn);
  auto const id = book.create()["id"].get<std::string>();
  (void)world.act("stop");
  world.until_state("stopped");
  REQUIRE(world.await(world.supervisor().remove("a")).has_value());
  world.pass(std::chrono::seconds(1));
  world.spawn();  // another one of that name
  auto const restored = book.restore(id);
  REQUIRE(child());
  CHECK(child()->spec().parent.empty());
  CHECK(asker_of(child()->spec()).named_by_agent);
  CHECK_FALSE(child()->spec().children.spawn);
  CHECK(restored["agents"][1]["leftOut"][1] == "its right to spawn children, which its parent bounded");
}

TEST_CASE("WhatWaitsOnTheSameBusWaitsForTheAgentThatComesBack") {
  Book book;
  auto& world = book.world;
  world.script.gate = "busy";
  world.spawn();
  world.send("first");
  world.settle();
  auto const made = book.create();
  CHECK(made["sections"]["queue"]["count"] == 1);
  auto const id = made["id"].get<std::string>();
  CHECK(book.document(id)["sections"]["queue"]["rows"][0]["message"]["body"] == "first");
  book.remove();
  auto const restored = book.restore(id);
  CHECK(restored["sections"]["queue"]["written"] == 0);  // it is there
  CHECK(restored["sections"]["queue"]["skipped"] == 1);
  auto const known = world.ask(world.bus->messages({.agent = "a"}));
  REQUIRE(known.has_value());
  CHECK(known->size() == 1);
}

TEST_CASE("AnAgentWhoseDirectoryIsGoneComesOnceItIsThere") {
  Book book;
  auto& world = book.world;
  auto const gone = world.dir() / "gone";
  std::filesystem::create_directories(gone);
  world.spawn({{"cwd", gone.string()}});
  book.remember({"shared", "team", "k"}, "1");
  auto const id = book.create()["id"].get<std::string>();
  book.remove();
  world.journal().write([](Database& db) { MemoryTable(db).erase({"shared", "team", "k"}); });
  std::filesystem::remove_all(gone);

  auto const restored = book.restore(id);
  CHECK(restored["agents"][0]["result"] == "failed");
  CHECK(restored["agents"][0]["reason"].get<std::string>().find(gone.string()) != std::string::npos);
  CHECK(restored["sections"]["agents"] == json{{"written", 0}, {"skipped", 1}});
  CHECK(restored["sections"]["memory"]["written"] == 1);  // the rest has come
  CHECK(world.supervisor().find("a") == nullptr);
  std::filesystem::create_directories(gone);
  auto const again = book.restore(id);
  CHECK(again["agents"][0]["result"] == "restored");
  CHECK(again["sections"]["agents"] == json{{"written", 1}, {"skipped", 0}});
}

TEST_CASE("OnlyTheAgentsThatAreAskedForCome") {
  Book book;
  auto& world = book.world;
  world.spawn();
  book.remember({"shared", "team", "k"}, "1");
  book.remember({"agent", "a", "k"}, "2");
  auto const id = book.create()["id"].get<std::string>();
  auto const unknown = world.await(book.snapshots->restore(id, {.agents = std::vector<std::string>{"nobody"}}));
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().field == "agents");
  book.remove();
  world.journal().write([](Database& db) { MemoryTable(db).erase({"shared", "team", "k"}); });
  auto const restored = book.restore(id, {.agents = std::vector<std::string>{"a"}});
  CHECK(restored["sections"]["memory"] == json{{"written", 1}, {"skipped", 0}});
  CHECK(book.remembered({"agent", "a", "k"}) == "2");
  CHECK(book.remembered({"shared", "team", "k"}).empty());
  CHECK(book.restore(id)["sections"]["memory"]["written"] == 1);
  CHECK(book.remembered({"shared", "team", "k"}) == "1");
}

TEST_CASE("WhatAKilledDaemonHasLeftByHalfIsSwept") {
  Book book;
  auto const id = book.create(false, "one")["id"].get<std::string>();
  auto const lost = book.create(false, "two")["id"].get<std::string>();
  std::filesystem::remove(book.folder() / (lost + ".json"));
  std::filesystem::create_directories(book.folder() / "work-1");
  std::ofstream(book.folder() / "work-1" / "rows.db") << "half";
  std::ofstream(book.folder() / "snp_unknown.json") << "{}";
  book.open();
  auto const list = book.world.ask(book.snapshots->list("", 200));
  REQUIRE(list.has_value());
  REQUIRE((*list)["snapshots"].size() == 1);
  CHECK((*list)["snapshots"][0]["id"] == id);
  std::vector<std::string> left;
  for (auto const& entry : std::filesystem::directory_iterator(book.folder())) left.push_back(entry.path().filename());
  CHECK(left == std::vector<std::string>{id + ".json"});
}

TEST_CASE("TheyAreListedNewestFirstAndGoneWhenRemoved") {
  Book book;
  auto& world = book.world;
  std::vector<std::string> ids;
  for (auto const* label : {"alpha", "beta", "alphabet"}) {
    ids.push_back(book.create(false, label)["id"]);
    world.pass(1s);
  }
  auto const listed = [&](std::string const& label, int limit) {
    std::vector<std::string> found;
    auto const list = world.ask(book.snapshots->list(label, limit));
    for (auto const& row : (*list)["snapshots"]) found.push_back(row["id"]);
    return found;
  };
  CHECK(listed("", 200) == std::vector<std::string>{ids[2], ids[1], ids[0]});
  CHECK(listed("", 2) == std::vector<std::string>{ids[2], ids[1]});
  CHECK(listed("alpha", 200) == std::vector<std::string>{ids[2], ids[0]});
  CHECK(*world.ask(book.snapshots->count()) == 3);
  auto file = world.await(book.snapshots->open(ids[1]));
  REQUIRE(file.has_value());
  REQUIRE(world.await(book.snapshots->remove(ids[1])).has_value());
  REQUIRE(world.await(book.snapshots->remove(ids[1])).has_value());
  CHECK_FALSE(world.await(book.snapshots->open(ids[1])).has_value());
  CHECK_FALSE(world.await(book.snapshots->restore(ids[1], {})).has_value());
  // Who reads it reads on.
  auto const text = world.await((*file)->next());
  REQUIRE(text.has_value());
  CHECK(text->starts_with("{\"bus\":\"embedded\""));
  CHECK(listed("", 200).size() == 2);
}

TEST_CASE("SkillsComeWithTheirFilesAndAgentsKeepWhatTheyWerePinnedTo") {
  Book here;
  here.add_skill("review", "old");
  here.add_skill("style", "tabs");
  here.world.spawn({{"skills", {"review"}}});
  here.add_skill("review", "new");
  auto const pinned = here.world.agent().spec().skills.at(0);
  // Nobody finds it any more, and the agent has it.
  REQUIRE(here.world.await(here.world.skills().remove(pinned.id)).has_value());
  auto const made = here.create();
  CHECK(made["sections"]["skills"] == json{{"version", "1.0.0"}, {"count", 3}});
  auto const document = here.document(made["id"]);

  auto const arrived = [&](Book& there) {
    auto const& skills = there.world.agent().spec().skills;
    REQUIRE(skills.size() == 1);
    CHECK(skills[0].hash == pinned.hash);
    auto const folder = there.world.skills().folder_of(skills[0]);
    CHECK(file_text(folder / "SKILL.md") == "old");
    CHECK(file_text(folder / "sub/data") == std::string("\0\xff", 2));
    CHECK(there.world.agent().spec().agent_profile->skills == std::vector<std::string>{folder.string()});
  };
  SUBCASE("all of them") {
    Book there;
    there.add_skill("style", "blanks");  // newer than any that comes
    auto const restored = there.restore_document(document);
    CHECK(restored["sections"]["skills"] == json{{"written", 3}, {"skipped", 0}});
    CHECK(there.skill_text("review") == "new");
    CHECK(there.skill_text("style") == "blanks");
    arrived(there);
    auto const again = there.restore_document(document);
    CHECK(again["sections"]["skills"] == json{{"written", 0}, {"skipped", 3}});
    CHECK(again["agents"][0]["result"] == "exists");
    there.world.crash();
    there.world.start();
    arrived(there);
  }
  SUBCASE("those of an agent") {
    Book there;
    auto const restored = there.restore_document(document, {.agents = std::vector<std::string>{"a"}});
    CHECK(restored["sections"]["skills"] == json{{"written", 1}, {"skipped", 0}});
    CHECK(there.skill_text("review") == "none");
    arrived(there);
  }
  SUBCASE("one that is damaged") {
    Book there;
    auto damaged = document;
    damaged["sections"]["skills"]["rows"][0]["files"][0]["data"] = "eA==";
    auto const refused = there.world.await(there.snapshots->restore_document(damaged, {}));
    CHECK(refused.error().code == "snapshot_damaged");
    damaged = document;
    damaged["sections"]["skills"]["rows"][0]["files"][0]["path"] = "../../out";
    CHECK(there.world.await(there.snapshots->restore_document(damaged, {})).error().code == "snapshot_damaged");
    damaged = document;
    damaged["sections"]["skills"]["version"] = "1.0.1";
    auto const newer = there.world.await(there.snapshots->restore_document(damaged, {})).error();
    CHECK(newer.code == "snapshot_version");
    CHECK(newer.field == "skills");
    CHECK(there.skill_text("review") == "none");
  }
}

TEST_CASE("ToolHooksComeUnlessTheirUrlMayHoldASecret") {
  Book here;
  here.add_hook("guard", "http://127.0.0.1:8080/guard");
  here.add_hook("scan", "http://127.0.0.1:8080/scan?secret=s3cret");
  here.add_hook("far", "https://hooks.example/far");
  auto const made = here.create();
  CHECK(made["sections"]["hooks"]["count"] == 3);
  auto const document = here.document(made["id"]);
  CHECK(document.dump().find("s3cret") == std::string::npos);

  Book there;
  auto const restored = there.restore_document(document);
  CHECK(restored["sections"]["hooks"] == json{{"written", 1}, {"skipped", 2}});
  REQUIRE(restored["leftOut"].size() == 2);
  CHECK(restored["leftOut"][0].get<std::string>().find("web/scan") != std::string::npos);
  CHECK(restored["leftOut"][1].get<std::string>().find("tool_hooks.hosts") != std::string::npos);
  REQUIRE(there.tool_hooks->all().size() == 1);
  CHECK(to_json(there.tool_hooks->all()[0]) == to_json(here.tool_hooks->all()[0]));
  there.world.config().tool_hook_hosts = {"hooks.example"};
  there.add_hook("scan", "http://127.0.0.1:8080/own");
  auto const again = there.restore_document(document);
  CHECK(again["sections"]["hooks"] == json{{"written", 1}, {"skipped", 2}});
  CHECK_FALSE(again.contains("leftOut"));  // that one is there
  CHECK(there.tool_hooks->all()[1].callback_url == "http://127.0.0.1:8080/own");
  CHECK(there.restore_document(document)["sections"]["hooks"]["written"] == 0);
  there.open();
  CHECK(there.tool_hooks->all().size() == 3);
}

TEST_CASE("ATurnThatRanKeepsItsIdAndWhereItBegan") {
  Book here;
  here.world.spawn();
  here.world.script.gate.clear();
  here.world.send("never ends");
  here.world.until([&] { return here.world.agent().turn_runs(); }, "a turn runs");
  here.world.settle();
  auto const before = here.turn(1);
  REQUIRE(before["status"] == "running");
  auto const document = here.document(here.create(true)["id"]);

  for (bool const history : {true, false}) {
    Book there;
    there.world.send("of another", false, "b");  // so that a message has another number there
    (void)there.restore_document(document, {.history = history});
    there.world.settle();
    auto const as_it_was = [&] {
      auto const turn = there.turn(1);
      for (auto const* field : {"id", "eventCursor", "startedAt", "startedBy"})
        CHECK_MESSAGE(turn[field] == before[field], field);
      CHECK(turn["status"] == "interrupted");
      CHECK(turn["messages"] == json::array({2}));
      CHECK(turn["store"] != before["store"]);
    };
    as_it_was();
    CHECK(there.rows_written(there.restore_document(document, {.history = history})) == 0);

    // As a daemon leaves it that ended once the agent was in its journal.
    there.world.journal().write(
        [](Database& db) { db.execute("UPDATE turns SET record = json_set(record, '$.status', 'running')"); });
    there.world.crash();
    there.world.start();
    there.open();
    (void)there.restore_document(document, {.history = history});
    as_it_was();
    CHECK(there.counts("turns") == 1);
  }
}

TEST_CASE("AHistoryThatWasCutOffIsCompletedAndNothingOfItComesTwice") {
  Book here;
  auto& world = here.world;
  world.spawn();
  world.script.gate.clear();
  for (int i = 0; i < 3; ++i) {
    world.send("work " + std::to_string(i));
    world.until([&] { return world.agent().turn_runs(); }, "a turn runs");
    adapters::TurnEnded end;
    end.final_text = "done";
    world.script.emit(std::move(end));
    world.until([&] { return !world.agent().turn_runs(); }, "it is over");
  }
  world.script.emit(adapters::Asked{touch_request("key")});
  world.until([&] { return !world.approvals().pending_of("a").empty(); }, "it has asked");
  world.script.emit(adapters::AskEnded{"key", true});
  world.until([&] { return world.approvals().pending_of("a").empty(); }, "it has its answer");
  world.settle();
  auto const made = here.create(true);
  auto const all = made["sections"]["history"]["count"].get<int>();
  auto const document = here.document(made["id"]);

  Book there;
  auto const restored = there.restore_document(document, {.history = true});
  CHECK(restored["sections"]["history"] == json{{"written", all}, {"skipped", 0}});
  auto const tables = {"turns", "deliveries", "approvals", "events"};
  std::map<std::string, json> whole;
  for (auto const* table : tables) whole[table] = there.counts(table);
  CHECK(whole["turns"] == 3);
  auto const again = there.restore_document(document, {.history = true});
  CHECK(again["sections"]["history"] == json{{"written", 0}, {"skipped", all}});
  for (auto const* table : tables) CHECK_MESSAGE(there.counts(table) == whole[table], table);

  // As a daemon that ended in its midst has left it: of the log the newest event is there from the beginning.
  there.world.journal().write([](Database& db) {
    db.execute(
        "DELETE FROM turns WHERE number > 1; DELETE FROM deliveries WHERE open = 0; DELETE FROM approvals;"
        "DELETE FROM events WHERE number < 0 AND agent_number < (SELECT max(agent_number) FROM events WHERE number < "
        "0)");
  });
  CHECK(there.restore_document(document, {})["sections"]["history"]["written"] == 0);  // it was not asked for
  auto const completed = there.restore_document(document, {.history = true});
  CHECK(completed["agents"][0]["result"] == "exists");
  CHECK(completed["sections"]["history"]["written"] > 5);
  for (auto const* table : tables) CHECK_MESSAGE(there.counts(table) == whole[table], table);

  // Another agent of that name has a history of its own.
  there.remove();
  there.world.pass(1s);
  there.world.spawn();
  auto const other = there.restore_document(document, {.history = true});
  CHECK(other["agents"][0]["result"] == "exists");
  CHECK(other["sections"]["history"]["written"] == 0);
}
