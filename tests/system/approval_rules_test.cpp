// Approval rules over the real daemon: added, tried and removed by people alone, and over the daemon's restarts.
#include "system/installation.hpp"

#include <fstream>

using ar::json;
using ar::test::Installation;

namespace {

std::string decision(Installation& home, std::string const& line) {
  auto const told = home.good({"approvals", "rules", "test", "alice", line, "--json"}).parsed();
  std::string text = told["decision"];
  for (auto const& id : told["rules"]) text += " " + id.get<std::string>();
  return text;
}

}  // namespace

TEST_CASE("RulesOutliveTheDaemonAndGoWithTheirAgent") {
  Installation home;
  home.good({"up"});
  std::ofstream(home.state() / "config.toml")
      << "[[approvals.rules]]\ndecision = \"deny\"\ntool = \"Bash\"\ninput = \"rm\"\nmatch = \"prefix\"\n";
  home.good({"config", "reload"});
  home.spawn("alice");
  CHECK(decision(home, "git status") == "ask");
  CHECK(decision(home, "ls; /bin/rm -r x") == "deny config:1");
  home.good(
      {"approvals", "rules", "add", "allow", "git status", "--tool", "Bash", "--match", "prefix", "--agent", "alice"});
  home.good({"approvals", "rules", "add", "allow", "make test", "--tool", "Bash"});
  CHECK(decision(home, "git status -s && make test") == "allow 1 2");
  CHECK(decision(home, "git status && rm x") == "deny config:1");
  auto const wrong = home.run({"approvals", "rules", "add", "allow", "ls; ls", "--tool", "Bash"});
  CHECK(wrong.status == 2);
  CHECK_MESSAGE(wrong.err.find("must be one command") != std::string::npos, wrong.err);
  CHECK(home.run({"approvals", "rules", "add", "allow", "ls", "--tool", "Bash", "--agent", "nobody"}).status == 3);
  home.kill_daemon();  // the answers had come, so they are on the disk
  home.good({"up"});
  CHECK(decision(home, "git status -s && make test") == "allow 1 2");
  CHECK(home.run({"approvals", "rules", "rm", "config:1"}).status == 2);
  home.good({"approvals", "rules", "rm", "2"});
  CHECK(decision(home, "make test") == "ask");
  CHECK(home.good({"config", "show"}).out.find("approvals.rules.1") != std::string::npos);
  // An agent of the same name later has none of its rules.
  home.good({"stop", "alice"});
  home.good({"rm", "alice"});
  home.spawn("alice");
  CHECK(decision(home, "git status") == "ask");
}

TEST_CASE("AnAgentAddsNoRule") {
  Installation home;
  home.spawn("alice");
  auto const token = json::parse(ar::test::file_text(home.state() / "agents" / "alice" / "token.json"));
  home.environment = {"AGENT_RELAY_ID=alice", "AGENT_RELAY_TOKEN=" + token["token"].get<std::string>(),
                      "AGENT_RUNNER_SOCKET=" + (home.state() / "run" / "agents" / "agents.sock").string()};
  auto const refused =
      home.run_program(std::string(AR_BIN_DIR) + "/agent-runner",
                       {"approvals", "rules", "add", "allow", "ls", "--tool", "Bash", "--agent", "alice"}, "");
  home.environment.clear();
  CHECK(refused.status == 4);
  CHECK(decision(home, "ls") == "ask");
}
