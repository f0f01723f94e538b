// The memory over the real daemon: by people and agents, and over the daemon's restarts.
#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;

namespace {

/// As a command that runs inside the agent.
ar::test::Outcome inside(Installation& home, std::string const& agent, std::vector<std::string> const& words) {
  auto const token = json::parse(ar::test::file_text(home.state() / "agents" / agent / "token.json"));
  home.environment = {"AGENT_RELAY_ID=" + agent, "AGENT_RELAY_TOKEN=" + token["token"].get<std::string>(),
                      "AGENT_RUNNER_SOCKET=" + (home.state() / "run" / "agents" / "agents.sock").string()};
  auto outcome = home.run_program(std::string(AR_BIN_DIR) + "/agent-runner", words, "");
  home.environment.clear();
  return outcome;
}

}  // namespace

TEST_CASE("WhatIsRememberedOutlivesTheDaemonHoweverItEnds") {
  Installation home;
  home.good({"up"});
  std::string const text = "two blanks,\nno tabs: é \"quoted\"\n";
  home.good({"memory", "set", "style/tabs", "-", "--in", "shared/team"}, text);
  auto const first =
      home.good({"memory", "set", "limits", R"({"files":[1,2.5,null]})", "--as-json", "--in", "user/ann", "--json"})
          .parsed();
  home.kill_daemon();  // the answer had come, so it is on the disk
  home.good({"up"});
  CHECK(home.good({"memory", "get", "style/tabs", "--in", "shared/team"}).out == text);
  auto const kept = home.good({"memory", "get", "limits", "--in", "user/ann", "--json"}).parsed();
  CHECK(kept["value"] == json{{"files", {1, 2.5, nullptr}}});
  CHECK(kept["version"] == first["version"]);
  home.good({"memory", "rm", "limits", "--in", "user/ann"});
  home.good({"down"});
  home.good({"up"});
  CHECK(home.run({"memory", "get", "limits", "--in", "user/ann"}).status == 3);
  auto const again = home.good({"memory", "set", "limits", "x", "--in", "user/ann", "--json"}).parsed();
  CHECK(again["version"] > first["version"]);
  CHECK(home.good({"memory", "scopes"}).out.find("shared: 1 ids, 1 entries, ") != std::string::npos);
}

TEST_CASE("WhoSawAnOlderVersionDoesNotOverwriteTheNewer") {
  Installation home;
  home.good({"up"});
  auto const at = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "memory");
    words.insert(words.end(), {"--in", "shared/team"});
    return home.run(words);
  };
  CHECK(at({"set", "k", "first", "--if-version", "1"}).status == 4);
  auto const seen = at({"set", "k", "first", "--if-absent", "--json"}).parsed()["version"].dump();
  CHECK(at({"set", "k", "second", "--if-version", seen}).status == 0);
  auto const late = at({"set", "k", "third", "--if-version", seen});
  CHECK(late.status == 4);
  CHECK_MESSAGE(late.err.find("shared/team/k has version ") != std::string::npos, late.err);
  CHECK(at({"rm", "k", "--if-version", seen}).status == 4);
  CHECK(at({"get", "k"}).out == "second");
}

TEST_CASE("AnAgentRemembersAndSharesAndItsOwnGoesWithIt") {
  Installation home;
  home.spawn("alice");
  home.spawn("bob");
  CHECK(inside(home, "alice", {"memory", "set", "plan", "tests first"}).status == 0);
  CHECK(inside(home, "alice", {"memory", "get", "plan"}).out == "tests first");
  CHECK(inside(home, "bob", {"memory", "get", "plan"}).status == 3);
  CHECK(inside(home, "alice", {"memory", "set", "style", "no tabs", "--in", "shared/team"}).status == 0);
  CHECK(inside(home, "bob", {"memory", "get", "style", "--in", "shared/team"}).out == "no tabs");
  CHECK(inside(home, "bob", {"memory", "ids", "shared"}).status == 0);
  for (auto const* others : {"agent/alice", "user/bob"}) {
    auto const refused = inside(home, "bob", {"memory", "get", "plan", "--in", others});
    CHECK(refused.status == 4);
    CHECK_MESSAGE(refused.err.find("agent/bob") != std::string::npos, refused.err);
  }
  CHECK(inside(home, "bob", {"memory", "scopes"}).status == 4);
  CHECK(home.good({"memory", "list", "--in", "agent/alice"}).out.find("tests first") != std::string::npos);
  auto const told = home.good({"events", "alice", "--json", "--from", "0"}).out;
  CHECK(told.find("memory.changed") != std::string::npos);
  CHECK(told.find("tests first") == std::string::npos);
  home.good({"stop", "alice"});
  home.good({"rm", "alice"});
  home.spawn("alice");
  CHECK(inside(home, "alice", {"memory", "get", "plan"}).status == 3);
  CHECK(inside(home, "alice", {"memory", "get", "style", "--in", "shared/team"}).out == "no tabs");
}

TEST_CASE("AnAgentIsGivenWhatTheMemoryHolds") {
  Installation home;
  home.spawn("alice");
  home.good({"memory", "set", "style", "no tabs anywhere", "--in", "shared/team"});
  auto const none = home.run({"inject", "alice", "--memory", "shared/team/none"});
  CHECK(none.status == 3);
  CHECK_MESSAGE(none.err.find("shared/team/none") != std::string::npos, none.err);
  auto const given = home.good({"inject", "alice", "Remember:", "--memory", "shared/team/style", "--json"}).parsed();
  CHECK(given == json{{"memoryIds", {"shared/team/style"}}, {"injectedMemoryCount", 1}});
  CHECK(Installation::eventually([&] {
    auto const screen = home.run({"screen", "alice"}).out;
    return screen.find("[memory shared/team/style]") != std::string::npos &&
           screen.find("no tabs anywhere") != std::string::npos;
  }));
}
