// Parents and children of the daemon: how many, what ends with what, who hears of what a child asks, and of its end.
#include "approval_request.hpp"
#include "daemon/store/tables/agent_table.hpp"
#include "daemon/store/tables/owed_word_table.hpp"
#include "relay/message_json.hpp"
#include "world.hpp"

using namespace ar;
using namespace ar::test;

namespace {

struct Household {
  Household() {
    world.script.gate = "";
    world.spawn({{"children", {{"spawn", true}, {"maxChildren", 3}}}});
  }
  /// By the operator.
  void add(std::string const& id, json more = json::object()) {
    more["id"] = id;
    if (!more.contains("parent")) more["parent"] = "a";
    world.begin_spawn(more);
    until_idle(id);
  }
  Result<Supervisor::Spawned> spawn_as(std::string const& agent, json const& more = json::object()) {
    return world.await(world.supervisor().spawn(more, {}, Principal{Principal::Kind::agent, agent}));
  }
  std::string refused(std::string const& agent, json const& more = json::object()) {
    auto const spawned = spawn_as(agent, more);
    return spawned ? "spawned " + spawned->agent->id() : spawned.error().code;
  }
  Agent& find(std::string const& id) { return *world.supervisor().find(id); }
  std::string state(std::string const& id) { return std::string(to_string(find(id).state())); }
  void until_idle(std::string const& id) {
    world.until([&] { return state(id) == "idle"; }, id + " is idle");
  }
  Result<json> act(std::string const& id, std::string verb) {
    return world.await(find(id).act(std::move(verb), json::object()));
  }
  std::string removed(std::string const& id) {
    auto const done = world.await(world.supervisor().remove(id));
    return done ? "removed" : done.error().code;
  }
  void send(std::string const& to) {
    NewMessage message;
    message.from = "tester";
    message.to = to;
    message.body = "work";
    REQUIRE(world.await(world.bus->send(std::move(message))).has_value());
  }
  void end_turn(std::string const& agent, std::string text) {
    adapters::TurnEnded end;
    end.final_text = std::move(text);
    world.script.emits.at(agent)(std::move(end));
  }
  std::vector<Message> results() {
    relay::MessageFilter filter;
    filter.agent = "a";
    auto const all = world.ask(world.bus->messages(filter));
    std::vector<Message> found;
    for (auto const& message : *all)
      if (message.kind == "result") found.push_back(message);
    return found;
  }
  std::vector<json> approvals(std::optional<std::string> of = {}) {
    Approvals::Filter filter;
    if (of) filter.agents = {{*of}};
    return *world.await(world.approvals().list(filter)).value().find("approvals");
  }

  World world;
};

}  // namespace

TEST_CASE("AnAgentSpawnsChildrenOfItsOwnAsManyAsItMay") {
  Household home;
  auto const first = home.spawn_as("a");
  REQUIRE_MESSAGE(first.has_value(), first.error().message);
  auto const& spec = first->agent->spec();
  CHECK(spec.id == "a-1");
  CHECK(spec.parent == "a");
  CHECK(spec.user == "a");
  CHECK(spec.root == "a");
  CHECK(spec.initiator == "operator");
  CHECK(spec.cwd == home.find("a").spec().cwd);
  CHECK(home.world.events("child.created").size() == 1);
  CHECK(home.refused("a-1") == "not_granted");
  CHECK(home.refused("a", {{"parent", "a-1"}}) == "not_granted");
  CHECK(home.refused("a", {{"id", "a-lead"}, {"children", {{"spawn", true}}}}) == "spawned a-lead");
  home.until_idle("a-lead");
  CHECK(home.refused("a-lead") == "spawned a-lead-1");
  CHECK(home.find("a-lead-1").spec().root == "a");
  CHECK(home.refused("a") == "too_many_children");
  CHECK(home.refused("a-lead") == "too_many_children");  // they are a's as well
  CHECK(home.act("a-lead-1", "stop").has_value());
  CHECK(home.refused("a") == "too_many_children");
  CHECK(home.removed("a-lead-1") == "removed");
  CHECK(home.refused("a") == "spawned a-2");
  home.world.crash();
  home.world.start();
  home.until_idle("a");
  CHECK(home.refused("a") == "too_many_children");
}

TEST_CASE("AnAgentThatEndsSpawnsNothingMore") {
  Household home;
  REQUIRE(home.act("a", "stop").has_value());
  CHECK(home.refused("a") == "wrong_state");
}

TEST_CASE("ADeadlineHoldsForChildrenToo") {
  Household home;
  home.add("d", {{"parent", nullptr}, {"deadlineMs", 60'000}, {"children", {{"spawn", true}}}});
  home.world.pass(20s);
  auto const child = home.spawn_as("d", {{"deadlineMs", 3'600'000}});
  REQUIRE(child.has_value());
  CHECK(child->agent->spec().deadline_ms <= 40'000);
  CHECK(child->agent->spec().deadline_ms > 0);
}

TEST_CASE("WhatIsGrantedIsWithinWhatTheConfigurationAllows") {
  Household home;
  home.world.config().most_child_depth = 2;
  home.world.config().most_children = 4;
  auto const field = [&](json const& grant) {
    auto const spawned = home.world.try_spawn({{"children", grant}});
    return spawned ? to_text(to_json(spawned->agent->spec().children)) : spawned.error().field;
  };
  CHECK(field({{"spawn", true}, {"maxDepth", 3}}) == "children.maxDepth");
  CHECK(field({{"spawn", true}, {"maxChildren", 5}}) == "children.maxChildren");
  CHECK(field({{"spawn", "yes"}}) == "children.spawn");
  CHECK(field({{"spawn", true}}) == R"({"maxChildren":4,"maxDepth":2,"spawn":true})");
  CHECK(field({{"spawn", false}, {"maxDepth", 1}}) == R"({"maxChildren":0,"maxDepth":0,"spawn":false})");
  home.world.config().profiles["lead"] = {{"children", {{"spawn", true}, {"maxDepth", 1}}}};
  auto const lead = home.world.try_spawn({{"profile", "lead"}});
  REQUIRE_MESSAGE(lead.has_value(), lead.error().message);
  CHECK(lead->agent->spec().children == ChildrenGrant{true, 1, 4});
  CHECK(home.world.try_spawn({{"reportEnd", true}}).error().field == "parent");
  CHECK(home.world.try_spawn({{"detached", true}}).error().field == "parent");
}

TEST_CASE("ChildrenEndWithTheirParentUnlessTheyAreDetached") {
  Household home;
  home.add("b");
  home.add("c", {{"parent", "b"}});
  home.add("d", {{"detached", true}});
  home.add("e", {{"parent", "d"}});
  home.world.script.quits = false;
  home.world.begin([](Household* self) -> awaitable<void> {
    json const how = {{"timeoutMs", 100}};
    (void)co_await self->find("a").act("stop", how);
  }(&home));
  home.world.until([&] { return home.state("a") == "stopped"; }, "it is stopped");
  CHECK(home.state("b") == "stopped");
  CHECK(home.state("c") == "stopped");
  CHECK(home.state("d") == "idle");
  CHECK(home.state("e") == "idle");
  SUBCASE("and what is detached keeps its parent") {
    CHECK(home.removed("a") == "has_children");
    home.world.script.quits = true;
    REQUIRE(home.act("d", "stop").has_value());
    CHECK(home.state("e") == "stopped");
    CHECK(home.removed("d") == "removed");
    CHECK(home.world.supervisor().find("e") == nullptr);
    CHECK(home.removed("a") == "removed");
  }
  SUBCASE("and what runs again holds its parent") {
    home.world.script.quits = true;
    REQUIRE(home.act("d", "stop").has_value());
    REQUIRE(home.removed("d") == "removed");
    REQUIRE(home.act("c", "restart").has_value());
    home.until_idle("c");
    CHECK(home.removed("a") == "agent_running");
    CHECK(home.world.supervisor().find("b") != nullptr);
    REQUIRE(home.act("c", "stop").has_value());
    CHECK(home.removed("a") == "removed");
  }
  CHECK(home.world.supervisor().find("c") == nullptr);
}

TEST_CASE("ACommandOfTheBusEndsTheFamilyToo") {
  Household home;
  home.add("b");
  auto const command = home.world.command("agent.shutdown");
  CHECK(home.world.ended(command).status == CommandStatus::succeeded);
  CHECK(home.state("b") == "stopped");
}

TEST_CASE("WhatCameOfAChildIsToldItsParentOnce") {
  Household home;
  home.add("b", {{"parent", {{"sessionId", "a"}, {"callId", "c-7"}, {"turn", {{"id", "t"}, {"sequence", 2}}}}},
                 {"label", "tests"}});
  home.send("b");
  home.world.until([&] { return home.find("b").turn_runs(); }, "it is at work");
  home.world.script.gate = "enough";
  home.world.bus->faults["send"] = unavailable("away", "the bus is away");
  home.end_turn("b", "42");
  home.world.until([&] { return home.find("b").session()["result"] == "completed"; }, "the end is known");
  CHECK(home.results().empty());
  home.world.script.gate = "";
  home.world.crash();  // between the end and the message
  home.world.start();
  home.world.pass(5s);
  CHECK(home.results().empty());
  home.world.bus->faults.clear();
  home.world.until([&] { return !home.results().empty(); }, "the parent is told");
  auto const result = home.results().front();
  CHECK(result.from == "b");
  CHECK(result.to == "a");
  CHECK(result.body == "42");
  CHECK(result.payload["callId"] == "c-7");
  CHECK(result.payload["turn"] == json{{"id", "t"}, {"sequence", 2}});
  CHECK(result.payload["subagentName"] == "tests");
  CHECK(result.payload["outcome"] == "completed");
  CHECK(home.world.events("child.result").size() == 1);
  // A daemon that ended after it had told, and before it could write that down.
  NewMessage word;
  word.from = result.from;
  word.to = result.to;
  word.kind = result.kind;
  word.subject = result.subject;
  word.body = result.body;
  word.payload = result.payload;
  word.idempotency_key = "child-result:b:" + std::to_string(to_millis(home.find("b").created_at()));
  home.world.journal().write([row = OwedWordTable::Row{word.idempotency_key, to_text(relay::to_json(word))}](
                                 Database& db) { OwedWordTable(db).put("b", row); });
  home.world.crash();
  home.world.start();
  home.world.pass(1min);
  CHECK(home.results().size() == 1);
  home.until_idle("b");
  home.send("b");  // another message is not another end
  home.world.until([&] { return home.find("b").turn_runs(); }, "it is at work");
  home.world.script.gate = "enough";
  home.end_turn("b", "43");
  home.world.until([&] { return !home.find("b").turn_runs(); }, "the turn is over");
  home.world.pass(1min);
  CHECK(home.results().size() == 1);
}

TEST_CASE("AChildThatEndsBeforeItsWorkIsToldOfToo") {
  Household home;
  home.world.script.gate = "it waits";
  home.add("b", {{"reportEnd", true}});
  home.add("c", {{"reportEnd", true}});
  home.add("d");
  auto const outcome = [&](std::string const& of) {
    for (auto const& result : home.results())
      if (result.from == of) return result.payload["outcome"].get<std::string>();
    return std::string();
  };
  SUBCASE("as stopped") {
    REQUIRE(home.act("b", "stop").has_value());
    home.world.until([&] { return outcome("b") == "stopped"; }, "the parent is told");
    CHECK(home.removed("b") == "removed");
    CHECK(home.results().size() == 1);
  }
  SUBCASE("as removed") {
    REQUIRE(home.act("c", "suspend").has_value());
    CHECK(home.results().empty());
    CHECK(home.removed("c") == "removed");
    CHECK(outcome("c") == "removed");
  }
  SUBCASE("unless it did not ask for that") {
    REQUIRE(home.act("d", "stop").has_value());
    home.world.pass(1min);
    CHECK(home.results().empty());
  }
}

TEST_CASE("WhatAChildAsksStandsAtItsAncestorsAndIsAnsweredOnce") {
  Household home;
  home.add("b");
  home.add("c", {{"parent", "b"}, {"label", "tester"}});
  home.world.script.emits.at("c")(adapters::Asked{touch_request("k")});
  home.world.until([&] { return home.approvals().size() == 1; }, "it has asked");
  auto const record = home.approvals().front();
  CHECK(record["agent"] == "c");
  CHECK(record["name"] == "tester");
  CHECK(record["parent"] == "b");
  CHECK(record["rootSessionId"] == "a");
  auto const shown = home.find("a").view()["approvals"];
  REQUIRE(shown.size() == 1);
  CHECK(shown[0]["id"] == record["id"]);
  CHECK(shown[0]["agent"] == "c");
  CHECK(shown[0]["name"] == "tester");
  CHECK(home.find("b").view()["approvals"] == shown);
  CHECK_FALSE(home.find("c").view()["approvals"][0].contains("agent"));
  auto const asked = home.world.events("child.asked");
  REQUIRE(asked.size() == 1);
  CHECK(asked[0]["data"]["child"] == "c");
  CHECK(asked[0]["data"]["rootSessionId"] == "a");
  // The root's approver is first.
  auto const command = home.world.command("agent.permissionDecision", {{"approvalId", 1}, {"decision", "deny"}});
  CHECK(home.world.ended(command).status == CommandStatus::succeeded);
  json const late = {{"decision", "approve"}};
  auto const second = home.world.await(home.world.approvals().decide(1, late, {"http", "operator"}));
  CHECK(second.error().code == "already_decided");
  CHECK(home.approvals().size() == 1);
  CHECK(home.approvals().front()["status"] == "denied");
  CHECK(home.world.events("child.answered").size() == 1);
  CHECK_FALSE(home.find("a").view().contains("approvals"));
  // Nobody's but its ancestors'.
  home.add("d");
  auto const other = home.world.await(home.world.approvals().decide(1, late, {"bus", "x"}, "d"));
  CHECK(other.error().code == "not_its_approval");
}

TEST_CASE("AChildAsksPeopleOnlyWhereItsParentMay") {
  Household home;
  home.add("quiet", {{"parent", nullptr}, {"requestInput", false}, {"children", {{"spawn", true}}}});
  home.add("b", {{"parent", "quiet"}, {"requestInput", true}});
  home.world.script.emits.at("b")(adapters::Asked{touch_request("k")});
  home.world.until([&] { return home.approvals("b").size() == 1; }, "it has asked");
  auto const record = home.approvals("b").front();
  CHECK(record["status"] == "denied");
  CHECK(record["where"] == "policy");
  CHECK(record["reason"].get<std::string>().find("Nobody is there to ask") == 0);
  auto const own = home.spawn_as("quiet", {{"requestInput", true}});
  REQUIRE(own.has_value());
  CHECK_FALSE(own->agent->spec().request_input);
  CHECK(own->agent->session()["requestInput"] == false);
}

TEST_CASE("WhatChildrenTellAsTheyEndWithTheirParentDoesNotSetItToWork") {
  Household home;
  home.add("b", {{"reportEnd", true}});
  home.world.script.handed = 0;
  SUBCASE("one that is idle") {}
  SUBCASE("one that is suspended") { REQUIRE(home.act("a", "suspend").has_value()); }
  auto const starts = home.world.script.starts;
  REQUIRE(home.act("a", "stop").has_value());
  CHECK(home.state("a") == "stopped");
  home.world.until([&] { return !home.results().empty(); }, "it is told all the same");
  CHECK(home.results().front().to == "a");
  CHECK(home.world.script.handed == 0);
  CHECK(home.world.script.starts == starts);
  // It is there for whoever starts it again.
  REQUIRE(home.act("a", "restart").has_value());
  home.world.until([&] { return home.world.script.handed == 1; }, "it is handed over then");
}

TEST_CASE("AChildWhoseProviderIsNotKnownAnyMoreGoesWithItsParent") {
  Household home;
  home.add("b");
  home.add("c", {{"parent", "b"}});
  home.world.journal().write([](Database& db) {
    db.execute(
        "UPDATE agents SET spec = replace(spec, '\"provider\":\"fake\"', '\"provider\":\"lost\"') WHERE id = 'b'");
  });
  home.world.crash();
  home.world.start();
  home.until_idle("a");
  home.until_idle("c");
  CHECK(home.world.supervisor().find("b") == nullptr);  // it is left alone
  auto const killed = home.world.script.killed;
  REQUIRE(home.act("a", "stop").has_value());
  CHECK(home.removed("a") == "removed");
  CHECK(home.world.script.killed == killed + 1);  // what still ran of it
  auto query = [](Database& db) -> Result<std::size_t> { return AgentTable(db).ids().size(); };
  CHECK(*home.world.ask(home.world.journal().read(std::move(query))) == 0);
  CHECK_FALSE(std::filesystem::exists(home.world.dir() / "agents" / "b"));
  CHECK(home.world.supervisor().get("b").error().code == "gone");
}
