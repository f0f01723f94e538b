// Searching over the real daemon: messages of people and agents, by whom they may be found, and over restarts.
#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;

namespace {

std::vector<json> found(Installation& home, std::vector<std::string> words) {
  words.insert(words.begin(), {"search", "--json"});
  std::vector<json> rows;
  for (auto const& line : Installation::lines(home.good(words).out)) rows.push_back(json::parse(line));
  return rows;
}

}  // namespace

TEST_CASE("WhatWasSentAndAnsweredIsFoundAtOnceAndByTheNextDaemonToo") {
  Installation home;
  home.spawn("alice");
  auto const id = home.send("alice", "Please mend the parser of archives", {"--wait=done"});
  auto const rows = found(home, {"parser"});
  REQUIRE_FALSE(rows.empty());
  auto const& last = rows.back();
  CHECK(last["kind"] == "message");
  CHECK(last["messageId"] == id);
  CHECK(last["agent"] == "alice");
  CHECK(last["turn"] == 1);
  CHECK(last["from"] == "operator");
  CHECK(last["snippet"] == "Please mend the ⟦parser⟧ of archives");
  auto const count = rows.size();
  home.kill_daemon();
  home.good({"up"});
  CHECK(found(home, {"parser"}).size() == count);
  home.good({"down"});
  for (auto const* part : {"search.db", "search.db-wal", "search.db-shm"}) std::filesystem::remove(home.state() / part);
  std::ofstream(home.state() / "search.db") << "no database";
  home.good({"up"});
  CHECK(found(home, {"parser", "--agent", "alice"}).size() == count);
  CHECK(found(home, {"parser", "--since", "1h"}).size() == count);
  CHECK(found(home, {"parser", "--since", "2099-01-01T00:00:00.000Z"}).empty());
  CHECK(found(home, {"nothing like it"}).empty());
}

TEST_CASE("ASearchForNothingSaysWhatIsWrong") {
  Installation home;
  home.good({"up"});
  for (std::string const words : {"\"no end", "---", ""}) {
    auto const refused = home.run({"search", "--", words});
    CHECK(refused.status == 2);
    CHECK_FALSE(refused.err.empty());
  }
  CHECK(home.run({"search", "x", "--agent", "nobody"}).status == 3);
  CHECK(home.run({"search", "x", "--since", "soon"}).status == 2);
  CHECK(home.good({"search", "NOT", "(a", "OR", "\"b\"*"}).err.find("nothing found") != std::string::npos);
}

TEST_CASE("AnAgentSearchesWhatIsItsOwnAndEscapesReachNoTerminal") {
  Installation home;
  home.spawn("alice");
  home.spawn("bob");
  home.send("alice", "the plan \x1b]0;title\x07 of alice", {"--wait=done"});
  home.send("bob", "the plan of bob", {"--wait=done"});
  auto const token = json::parse(ar::test::file_text(home.state() / "agents" / "bob" / "token.json"));
  home.environment = {"AGENT_RELAY_ID=bob", "AGENT_RELAY_TOKEN=" + token["token"].get<std::string>(),
                      "AGENT_RUNNER_SOCKET=" + (home.state() / "run" / "agents" / "agents.sock").string()};
  auto const inside = [&](std::vector<std::string> const& words) {
    return home.run_program(std::string(AR_BIN_DIR) + "/agent-runner", words, "");
  };
  auto const own = inside({"search", "plan"});
  CHECK(own.status == 0);
  CHECK(own.out.find("of bob") != std::string::npos);
  CHECK(own.out.find("alice") == std::string::npos);
  CHECK(inside({"search", "plan", "--agent", "alice"}).status == 4);
  home.environment.clear();
  auto const all = home.good({"search", "plan"}).out;
  CHECK(all.find("alice") != std::string::npos);
  CHECK(all.find('\x1b') == std::string::npos);
  CHECK(all.find('\x07') == std::string::npos);
}
