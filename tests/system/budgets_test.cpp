// Usage and budgets over the real daemon: the configuration, its reload, and who may raise.
#include "system/installation.hpp"

#include <fstream>

using ar::json;
using ar::test::Installation;

namespace {

void configure(Installation& home, std::string const& text) {
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << text;
}

}  // namespace

TEST_CASE("BudgetsAreReadReadAgainAndRaisedByTheOperatorAlone") {
  Installation home;
  configure(home, "[[budgets]]\nname = \"night\"\nper = \"day\"\nusd = 1.5\n");
  home.good({"up"});
  home.spawn("a");
  auto budget = home.good({"budgets", "--json"}).parsed();
  CHECK(budget["name"] == "night");
  CHECK(budget["limit"] == 1.5);
  CHECK(budget["state"] == "open");
  CHECK(budget["agents"] == json::array({"a"}));
  CHECK(home.good({"usage"}).out.empty());
  CHECK(home.good({"budgets", "raise", "night", "--usd", "0.5", "--json"}).parsed()["limit"] == 2.0);
  CHECK(home.run({"budgets", "raise", "none"}).status == 3);
  CHECK(home.run({"budgets", "raise", "night", "--tokens", "5"}).status != 0);
  CHECK(home.run({"budgets", "raise", "night", "--usd", "-1"}).status != 0);

  auto const token = json::parse(ar::test::file_text(home.state() / "agents" / "a" / "token.json"));
  home.environment = {"AGENT_RELAY_ID=a", "AGENT_RELAY_TOKEN=" + token["token"].get<std::string>(),
                      "AGENT_RUNNER_SOCKET=" + (home.state() / "run" / "agents" / "agents.sock").string()};
  for (auto const& words : std::vector<std::vector<std::string>>{{"budgets", "raise", "night"}, {"budgets"}, {"usage"}})
    CHECK(home.run_program(std::string(AR_BIN_DIR) + "/agent-runner", words, "").status != 0);
  home.environment.clear();

  home.kill_daemon();
  home.good({"up"});
  CHECK(home.good({"budgets", "--json"}).parsed()["limit"] == 2.0);
  configure(home,
            "[[budgets]]\nname = \"night\"\nper = \"day\"\nusd = 3\n[[budgets]]\nname = \"all\"\nper = "
            "\"total\"\ntokens = 9\n");
  home.good({"config", "reload"});
  auto const listed = home.good({"budgets"}).out;
  CHECK_MESSAGE(listed.find("3.5000 USD") != std::string::npos, listed);
  CHECK_MESSAGE(listed.find("9 tokens") != std::string::npos, listed);
  configure(home, "[[budgets]]\nname = \"night\"\nper = \"week\"\nusd = 3\n");
  auto const wrong = home.run({"config", "check"});
  CHECK(wrong.status != 0);
  CHECK_MESSAGE(wrong.err.find("per must be day or total") != std::string::npos, wrong.err);
}
