// Agents that spawn children over their own token, with the real daemon and the demo agent.
#include "system/http_request.hpp"
#include "system/installation.hpp"

#include <algorithm>

using ar::json;
using ar::test::HttpAnswer;
using ar::test::Installation;
using ar::test::Outcome;
using ar::test::request;

namespace {

json specification(Installation& home, json const& more) {
  json all = {{"provider", "command"}, {"cwd", home.work().string()}};
  all.update(more);
  return all;
}

std::string token_of(Installation& home, std::string const& agent) {
  std::ifstream file(home.state() / "agents" / agent / "token.json");
  return json::parse(file)["token"];
}

/// A command as the agent's own process would run it.
Outcome inside(Installation& home, std::string const& agent, std::vector<std::string> const& words) {
  auto const socket = home.state() / "run" / "agents" / "agents.sock";
  home.environment = {"AGENT_RELAY_ID=" + agent, "AGENT_RELAY_TOKEN=" + token_of(home, agent),
                      "AGENT_RUNNER_SOCKET=" + socket.string()};
  auto outcome = home.run_program(std::string(AR_BIN_DIR) + "/agent-runner", words, "");
  home.environment.clear();
  return outcome;
}

HttpAnswer as(Installation& home, std::string const& agent, std::string const& method, std::string const& path,
              json const& body = nullptr, std::string const& key = {}) {
  std::vector<std::string> headers{"Authorization: Bearer " + token_of(home, agent)};
  if (!key.empty()) headers.push_back("Idempotency-Key: " + key);
  return request(home, method, path, body, headers);
}

void spawn_lead(Installation& home, json const& more = json::object()) {
  json asked = {{"id", "lead"}, {"children", {{"spawn", true}, {"maxDepth", 2}, {"maxChildren", 4}}}};
  asked.update(more);
  auto const made = request(home, "POST", "/v1/agents", specification(home, asked));
  REQUIRE_MESSAGE(made.status == 201, made.body.dump());
  home.wait_for_state("lead", "idle");
}

std::vector<json> results_for(Installation& home, std::string const& agent) {
  std::vector<json> found;
  for (auto const& line : Installation::lines(home.good({"messages", agent, "--json"}).out))
    if (auto message = json::parse(line); message["kind"] == "result") found.push_back(std::move(message));
  return found;
}

std::vector<std::string> names(std::string const& lines) {
  std::vector<std::string> found;
  for (auto const& line : Installation::lines(lines)) found.push_back(json::parse(line)["id"]);
  return found;
}

}  // namespace

TEST_CASE("AnAgentSpawnsRunsAndEndsItsChildrenFromWithin") {
  Installation home;
  home.good({"up"});
  spawn_lead(home);
  home.spawn("other");
  auto const spawned = inside(home, "lead", {"spawn", "lead-helper", "--json"});
  REQUIRE_MESSAGE(spawned.status == 0, spawned.err);
  CHECK(spawned.parsed()["parent"] == "lead");
  CHECK(spawned.parsed()["cwd"] == home.agent("lead")["cwd"]);
  CHECK(spawned.parsed()["user"] == "lead");
  CHECK(spawned.parsed()["initiator"] == json{{"kind", "operator"}, {"name", "operator"}});
  CHECK(names(inside(home, "lead", {"ps", "--json"}).out) == std::vector<std::string>{"lead", "lead-helper"});
  CHECK(inside(home, "lead", {"ps"}).out.find("\n  lead-helper") != std::string::npos);
  CHECK(names(inside(home, "other", {"ps", "--json"}).out) == std::vector<std::string>{"other"});
  CHECK(inside(home, "lead", {"show", "lead-helper"}).status == 0);
  CHECK(inside(home, "lead", {"screen", "lead-helper"}).status == 0);
  CHECK(inside(home, "lead", {"events", "lead-helper"}).status == 0);

  auto const said = inside(home, "lead", {"send", "lead-helper", "do this", "--wait=accepted"});
  CHECK_MESSAGE(said.status == 0, said.err);
  auto const ran = inside(home, "lead", {"run", "and this", "--name", "lead-once", "--close", "--json"});
  REQUIRE_MESSAGE(ran.status == 0, ran.err);
  CHECK(ran.parsed()["ok"] == true);
  CHECK(home.run({"show", "lead-once"}).status == 3);

  // A child's own child; the root's name goes down.
  REQUIRE(inside(home, "lead", {"spawn", "lead-sub", "--children"}).status == 0);
  REQUIRE(inside(home, "lead-sub", {"spawn"}).status == 0);
  auto const deep = as(home, "lead", "GET", "/v1/sessions/lead-sub-1").body;
  CHECK(deep["rootSessionId"] == "lead");
  CHECK(deep["parent"]["sessionId"] == "lead-sub");
  CHECK(inside(home, "lead-sub", {"spawn", "--children"}).err.find("generations") != std::string::npos);
  CHECK(inside(home, "lead", {"cancel", "lead-sub", "--json"}).parsed()["cancelledCount"] == 0);
  CHECK(inside(home, "lead", {"stop", "lead-sub"}).out == "lead-sub: stopped\n");
  CHECK(home.agent("lead-sub-1")["state"] == "stopped");
  CHECK(inside(home, "lead", {"rm", "lead-sub"}).status == 0);
  CHECK(home.run({"show", "lead-sub-1"}).status == 3);

  // Nobody else's, nor what is people's.
  for (auto const& words : std::vector<std::vector<std::string>>{{"stop", "other"},
                                                                 {"show", "other"},
                                                                 {"screen", "other"},
                                                                 {"cancel", "other"},
                                                                 {"rm", "other"},
                                                                 {"stop", "lead"},
                                                                 {"suspend", "lead-helper"},
                                                                 {"clear", "lead-helper"},
                                                                 {"approvals"},
                                                                 {"users"},
                                                                 {"ps", "--watch"}}) {
    auto const refused = inside(home, "lead", words);
    CHECK_MESSAGE(refused.status != 0, words.front());
    CHECK_MESSAGE(refused.err.find("agent-runner:") != std::string::npos, refused.err);
  }
  CHECK(inside(home, "lead-helper", {"stop", "lead"}).status != 0);
  CHECK(inside(home, "lead-helper", {"spawn"}).err.find("may not spawn children") != std::string::npos);
  CHECK(home.agent("other")["state"] == "idle");
  CHECK(home.agent("lead")["state"] == "idle");
}

TEST_CASE("AChildOfAnAgentsOwnHasNoMoreThanItsParent") {
  Installation home;
  home.good({"up"});
  spawn_lead(home);
  auto const code = [&](char const* path, json const& more) {
    auto const answer = as(home, "lead", "POST", path, more);
    return std::to_string(answer.status) + " " + answer.body.value("code", "") + " " + answer.body.value("field", "");
  };
  for (auto const* path : {"/v1/agents", "/v1/sessions"}) {
    CHECK(code(path, {{"approvalMode", "full"}}) == "403 not_granted approvalMode");
    CHECK(code(path, {{"cwd", "/"}}) == "403 not_granted cwd");
    CHECK(code(path, {{"providerArgs", {"/bin/sh"}}}) == "403 not_granted providerArgs");
    CHECK(code(path, {{"env", {{"A", "b"}}}}) == "403 not_granted env");
    CHECK(code(path, {{"id", "boss"}}) == "403 not_granted id");
    CHECK(code(path, {{"parent", "other"}}) == "403 not_granted parent");
    CHECK(code(path, {{"children", {{"spawn", true}, {"maxDepth", 2}}}}) == "403 not_granted children.maxDepth");
  }
  CHECK(code("/v1/runs", {{"input", "x"}, {"approvalMode", "full"}}) == "403 not_granted approvalMode");
  // Its key is its own: the operator's agent is not given away by the same one.
  auto const mine = request(home, "POST", "/v1/agents", specification(home, {{"id", "mine"}}), {"Idempotency-Key: k"});
  CHECK(mine.status == 201);
  auto const own = as(home, "lead", "POST", "/v1/agents", json::object(), "k");
  CHECK(own.status == 201);
  CHECK(own.body["id"] == "lead-1");
  CHECK(as(home, "lead", "POST", "/v1/agents", json::object(), "k").body["id"] == "lead-1");
  json const input = {{"input", "hello"}};
  auto const run = as(home, "lead", "POST", "/v1/runs", input, "r");
  CHECK_MESSAGE(run.status == 201, run.body.dump());
  CHECK(run.body["runId"] == "lead-2");
  CHECK(as(home, "lead", "POST", "/v1/runs", input, "r").body["runId"] == "lead-2");
}

TEST_CASE("TheEndOfAChildIsToldItsParentOnceThoughTheDaemonIsKilled") {
  Installation home;
  home.good({"up"});
  spawn_lead(home);
  json const asked = {{"input", "work"}, {"parent", {{"callId", "c-1"}}}};
  SUBCASE("once it is known") {
    auto const opened = as(home, "lead", "POST", "/v1/sessions", asked);
    REQUIRE_MESSAGE(opened.status == 201, opened.body.dump());
    CHECK(opened.body["session"]["parent"]["callId"] == "c-1");
    CHECK(Installation::eventually([&] { return home.agent("lead-1")["turns"] == 1; }));
    home.kill_daemon();
    home.good({"up"});
  }
  SUBCASE("again and again") {
    REQUIRE(as(home, "lead", "POST", "/v1/sessions", asked).status == 201);
    for (int i = 0; i < 4; ++i) {
      home.kill_daemon();
      home.good({"up"});
    }
  }
  SUBCASE("while its parent is stopped, and it with that") {
    REQUIRE(as(home, "lead", "POST", "/v1/sessions", asked).status == 201);
    home.good({"stop", "lead"});
    CHECK(home.agent("lead-1")["state"] == "stopped");
    home.kill_daemon();
    home.good({"up"});
    home.good({"restart", "lead"});
  }
  REQUIRE(Installation::eventually([&] { return results_for(home, "lead").size() == 1; }));
  auto const result = results_for(home, "lead").front();
  CHECK(result["from"] == "lead-1");
  CHECK(result["payload"]["callId"] == "c-1");
  CHECK(result["payload"]["childSessionId"] == "lead-1");
  CHECK(result["payload"]["rootSessionId"] == "lead");
  auto const id = result["id"].get<std::int64_t>();
  CHECK(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
  home.kill_daemon();
  home.good({"up"});
  home.wait_for_state("lead", "idle");
  CHECK(results_for(home, "lead").size() == 1);
  CHECK(request(home, "GET", "/v1/sessions/lead-1").body["result"] == result["payload"]["outcome"]);
}

TEST_CASE("UsersAreListedAndListsKeepToThem") {
  Installation home;
  home.good({"up"});
  spawn_lead(home);
  REQUIRE(inside(home, "lead", {"spawn"}).status == 0);
  home.good({"relay", "token", "issue", "--name", "host-b"});
  auto const users = request(home, "GET", "/v1/users").body["users"];
  auto const count = [&](char const* kind, char const* name) {
    for (auto const& user : users)
      if (user["kind"] == kind && user["name"] == name)
        return user["agents"].get<int>() * 10 + user["running"].get<int>();
    return -1;
  };
  CHECK(count("operator", "operator") == 11);
  CHECK(count("agent", "lead") == 11);
  CHECK(count("agent", "lead-1") == 0);
  CHECK(count("token", "host-b") == 0);
  auto const first = request(home, "GET", "/v1/users?limit=1").body;
  CHECK(first["users"][0]["name"] == "lead");
  CHECK(request(home, "GET", "/v1/users?limit=1&cursor=" + first["nextCursor"].get<std::string>())
            .body["users"][0]["name"] == "lead-1");
  CHECK(home.good({"users"}).out.find("host-b") != std::string::npos);
  CHECK(names(home.good({"ps", "--user", "lead", "--json"}).out) == std::vector<std::string>{"lead-1"});
  CHECK(names(home.good({"ps", "--user", "operator", "--json"}).out) == std::vector<std::string>{"lead"});
  CHECK(request(home, "GET", "/v1/sessions?user=lead").body["sessions"].size() == 1);
  CHECK(request(home, "GET", "/v1/sessions?user=nobody").body["sessions"].empty());
  home.send("lead-1", "from a person");
  REQUIRE(inside(home, "lead", {"send", "lead-1", "from the lead"}).status == 0);
  auto const of = [&](std::string const& user) {
    return request(home, "GET", "/v1/messages?limit=1&user=" + user).body["messages"];
  };
  CHECK(of("lead")[0]["body"] == "from the lead");
  CHECK(of("operator")[0]["body"] == "from a person");
  CHECK(of("nobody").empty());
}

TEST_CASE("AParentsStreamOfItsChildEndsWithTheChild") {
  Installation home;
  home.good({"up"});
  spawn_lead(home);
  REQUIRE(inside(home, "lead", {"spawn", "lead-helper"}).status == 0);
  auto const token = token_of(home, "lead");
  for (auto const* const verb : {"stop", "rm"}) REQUIRE(inside(home, "lead", {verb, "lead-helper"}).status == 0);
  auto const stream = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"-N", "-w", "\n%{exitcode}", "-H", "Accept: text/event-stream"});
    return ar::test::curl(home, "GET", "/v1/agents/lead-helper/events", std::move(more), nullptr);
  };
  auto const told = stream({"--max-time", "20", "-H", "Authorization: Bearer " + token});
  CHECK_MESSAGE(told.find("agent.removed") != std::string::npos, told);
  CHECK_MESSAGE(told.ends_with("\n0"), told);
  CHECK(stream({"--max-time", "1"}).ends_with("\n28"));  // the operator's goes on
}
