// Parents, children and users at the command line, against a fake daemon.
#include "cli_process.hpp"
#include "fake_daemon.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace ar;
using namespace ar::test;

namespace {

json agent(std::string const& id, std::string const& parent = {}) {
  json shown = {{"id", id}, {"provider", "command"}, {"state", "idle"}, {"queue", 0}, {"restarts", 0}};
  if (!parent.empty()) shown["parent"] = parent;
  return shown;
}

struct Scene {
  CliHome home;
  FakeDaemon daemon{home.socket(), [](FakeRequest const& request) { return reply_to(request); }};

  static FakeReply reply_to(FakeRequest const& request) {
    if (request.path == "/v1/users")
      return json{{"users",
                   {{{"kind", "agent"}, {"name", "lead"}, {"agents", 2}, {"running", 1}},
                    {{"kind", "operator"}, {"name", "operator"}, {"agents", 3}, {"running", 3}}}}};
    if (request.path == "/v1/agents" && request.method == "POST") return {201, agent("x")};
    if (request.path == "/v1/agents") {
      auto lead = agent("lead");
      lead["approvals"] = {{{"id", 3}, {"agent", "aaa"}, {"name", "tester"}, {"summary", "Bash: ls"}}};
      return json{{"agents",
                   {agent("a", "gone"), agent("aa", "zz"), agent("aaa", "lead"), agent("aab", "aaa"), lead,
                    agent("zz", "aa")}}};
    }
    if (request.path == "/v1/info") {
      bool const tokenless = request.headers.count("authorization") == 0;
      return tokenless ? FakeReply(json{{"version", "0.1.0"}}) : problem(403, "operator_only", "not with this token");
    }
    return json::object();
  }
  std::vector<std::string> inside() const {
    return {"AGENT_RUNNER_SOCKET=" + home.socket().string(), "AGENT_RELAY_TOKEN=secret-7", "AGENT_RELAY_ID=lead"};
  }
  /// The rows of a table, without its head.
  static std::string first_words(std::string const& table) {
    std::string words;
    bool head = true;
    for (std::size_t at = 0; at < table.size();) {
      auto const end = std::min(table.find('\n', at), table.size());
      auto const line = table.substr(at, end - at);
      if (!std::exchange(head, false)) words += line.substr(0, line.find(' ', line.find_first_not_of(' '))) + "|";
      at = end + 1;
    }
    return words;
  }
};

}  // namespace

TEST_CASE("ChildrenStandBelowTheirParents") {
  Scene const scene;
  auto const shown = scene.home.run({"ps"});
  REQUIRE(shown.status == 0);
  CHECK(Scene::first_words(shown.out) == "a|lead|  aaa|    aab|aa|  zz|");
  CHECK(shown.out.find("asks: tester: Bash: ls (approval 3)") != std::string::npos);
  CHECK(scene.home.run({"ps", "--user", "lead"}).status == 0);
  CHECK(scene.daemon.last("/v1/agents").query.find("user=lead") != std::string::npos);
}

TEST_CASE("AnAgentListsAndSpawnsWithoutWhatOnlyPeopleMayAsk") {
  Scene const scene;
  CHECK(scene.home.run({"ps"}, {}, scene.inside()).status == 0);
  CHECK(scene.daemon.last("/v1/info").method.empty());
  CHECK(scene.home.run({"ps", "-w"}, {}, scene.inside()).err.find("an agent cannot follow all events") !=
        std::string::npos);
  REQUIRE(scene.home.run({"spawn", "lead-x", "--no-wait", "--call", "c-1"}, {}, scene.inside()).status == 0);
  auto const request = scene.daemon.last("/v1/agents");
  CHECK(request.headers.at("authorization") == "Bearer secret-7");
  CHECK(request.object() == json{{"id", "lead-x"}, {"parent", {{"callId", "c-1"}}}});
}

TEST_CASE("ARelationIsSaidAsTheDaemonTakesIt") {
  Scene const scene;
  auto const asked = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"spawn", "x", "--no-wait", "--cwd", "/"});
    auto const ran = scene.home.run(words);
    if (ran.status != 0) return json(ran.status);
    auto object = scene.daemon.last("/v1/agents").object();
    object.erase("id");
    object.erase("cwd");
    return object;
  };
  CHECK(asked({"--parent", "p"}) == json{{"parent", "p"}});
  CHECK(asked({"--parent", "p", "--report-end", "--detached"}) ==
        json{{"parent", "p"}, {"reportEnd", true}, {"detached", true}});
  CHECK(asked({"--parent", "p", "--call", "c"}) == json{{"parent", {{"sessionId", "p"}, {"callId", "c"}}}});
  CHECK(asked({"--children"}) == json{{"children", {{"spawn", true}}}});
  CHECK(asked({"--children", "--max-depth", "1", "--max-children", "4"}) ==
        json{{"children", {{"spawn", true}, {"maxDepth", 1}, {"maxChildren", 4}}}});
  CHECK(asked({"--max-depth", "1"}) == 2);
  CHECK(asked({"--children", "--max-depth", "some"}) == 2);
}

TEST_CASE("UsersAreShownWithTheirNumbers") {
  Scene const scene;
  auto const shown = scene.home.run({"users"});
  CHECK(shown.status == 0);
  CHECK(Scene::first_words(shown.out) == "lead|operator|");
  auto const lines = scene.home.run({"users", "--json"}).out;
  CHECK(lines == R"({"agents":2,"kind":"agent","name":"lead","running":1})"
                 "\n"
                 R"({"agents":3,"kind":"operator","name":"operator","running":3})"
                 "\n");
}
