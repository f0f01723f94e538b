#include "relay/contract/contract.hpp"

using namespace ar;
using namespace ar::relay;
using namespace ar::relay::test;
using std::chrono::seconds;

namespace {
Presence only(Contract& t) {
  auto const all = t.good(t.bus().agents());
  REQUIRE(all.size() == 1);
  return all.front();
}
}  // namespace

TEST_CASE("RegisteredAgentIsKnownWithAllItSaid") {
  Contract t;
  Presence said;
  said.identity = agent("worker", "builder", {"team", "claude"}, {"cpp"});
  said.identity.narrow = true;
  said.instance_id = "i-1";
  said.status = "busy";
  said.ready = true;
  said.meta["model"] = "m";
  t.good(t.bus().register_agent(said));
  t.restart();
  auto const found = only(t);
  CHECK(found.identity.agent_id == "worker");
  CHECK(found.identity.label == "builder");
  CHECK(found.identity.tags == said.identity.tags);
  CHECK(found.identity.capabilities == said.identity.capabilities);
  CHECK(found.identity.narrow);
  CHECK(found.instance_id == "i-1");
  CHECK(found.status == "busy");
  CHECK(found.ready);
  CHECK(found.meta == said.meta);
  CHECK_FALSE(found.stale);
}

TEST_CASE("NewerInstanceReplacesTheOlderAndItsGroups") {
  Contract t;
  t.add(agent("worker", "old", {"old"}));
  Presence newer;
  newer.identity = agent("worker", "new", {"new"});
  newer.instance_id = "i-2";
  newer.status = "idle";
  t.good(t.bus().register_agent(newer));
  CHECK(only(t).instance_id == "i-2");
  auto const both = agent("worker", "new", {"old", "new"});
  auto const reader = agent("reader", "", {"old", "new"});
  auto const to_old = t.send(message_to("tag:old")).id;
  auto const to_new = t.send(message_to("tag:new")).id;
  t.good(t.bus().mark_read(to_old, "reader"));
  t.good(t.bus().mark_read(to_new, "reader"));
  CHECK(t.unread(both) == std::vector{to_new});
}

TEST_CASE("StatusAndMetaArePublishedFieldByField") {
  Contract t;
  Presence said;
  said.identity = agent("worker");
  said.instance_id = "i-1";
  said.status = "idle";
  said.meta = json::parse(R"({"version": "1", "activeWork": [1, 2], "terminalStatus": "error"})");
  t.good(t.bus().register_agent(said));
  t.good(t.bus().publish_status("worker", "busy", true, json::parse(R"({"activeWork": [], "terminalStatus": null})")));
  auto found = only(t);
  CHECK(found.status == "busy");
  CHECK(found.ready);
  CHECK(found.meta == json::parse(R"({"version": "1", "activeWork": [], "terminalStatus": null})"));
  t.good(t.bus().heartbeat("worker", json::parse(R"({"context": 0.5})")));
  found = only(t);
  CHECK(found.status == "busy");
  CHECK(found.meta["context"] == 0.5);
  CHECK(found.meta["version"] == "1");
}

TEST_CASE("AgentIsStaleAfterThreeMissedHeartbeats") {
  Contract t;
  t.add(agent("worker"));
  t.advance(seconds(89));
  CHECK_FALSE(only(t).stale);
  t.advance(seconds(2));
  CHECK(only(t).stale);
  t.restart();
  CHECK(only(t).stale);
  SUBCASE("until a heartbeat") { t.good(t.bus().heartbeat("worker", json::object())); }
  SUBCASE("until a status") { t.good(t.bus().publish_status("worker", "idle", true, json::object())); }
  SUBCASE("until it registers again") { t.add(agent("worker")); }
  CHECK_FALSE(only(t).stale);
}

TEST_CASE("RemovedAgentIsGoneAndMustRegisterAgain") {
  Contract t;
  t.add(agent("worker", "", {"team"}));
  for (int i = 0; i < 2; ++i) t.good(t.bus().remove_agent("worker"));
  CHECK(t.good(t.bus().agents()).empty());
  CHECK(t.code(t.bus().heartbeat("worker", json::object())) == "unknown_agent");
  CHECK(t.code(t.bus().publish_status("worker", "idle", true, json::object())) == "unknown_agent");
  auto const id = t.send(message_to("tag:team")).id;
  t.good(t.bus().mark_read(id, "somebody"));
  CHECK(t.unread(agent("worker", "", {"team"})).empty());
}

TEST_CASE("BadRegistrationsAreRefused") {
  Contract t;
  Presence bad;
  bad.identity = agent("worker");
  bad.instance_id = "i-1";
  bad.status = "idle";
  std::string expected;
  SUBCASE("no id") { bad.identity.agent_id = "", expected = "invalid agentId"; }
  SUBCASE("a group's id") { bad.identity.agent_id = "broadcast", expected = "invalid agentId"; }
  SUBCASE("a person's name") { bad.identity.agent_id = "operator", expected = "invalid agentId"; }
  SUBCASE("a colon") { bad.identity.agent_id = "a:b", expected = "invalid agentId"; }
  SUBCASE("bad label") { bad.identity.label = "a\nb", expected = "invalid label"; }
  SUBCASE("empty tag") { bad.identity.tags = {""}, expected = "invalid tags"; }
  SUBCASE("bad capability") { bad.identity.capabilities = {"\xFF"}, expected = "invalid capabilities"; }
  SUBCASE("no instance") { bad.instance_id = "", expected = "invalid instanceId"; }
  SUBCASE("no status") { bad.status = "", expected = "invalid status"; }
  SUBCASE("meta a list") { bad.meta = json::array(), expected = "invalid meta"; }
  SUBCASE("meta too large") { bad.meta["x"] = std::string(300'000, 'x'), expected = "too_large meta"; }
  CHECK(t.problem(t.bus().register_agent(bad)) == expected);
  CHECK(t.good(t.bus().agents()).empty());
}
