#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;

namespace {

void configure(Installation const& home, std::string const& toml) {
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << toml;
}

}  // namespace

TEST_CASE("AProfileIsChosenByNameShownWithItsReportAndSurvivesTheDaemon") {
  Installation home;
  configure(home, R"([profiles.quiet]
relay = {context = false}
instructions = {append = ["be brief"]}
permissions = {mode = "read-only"}
)");
  CHECK(home.good({"config", "check"}).out.find("ok") != std::string::npos);
  CHECK(home.good({"config", "show"}).out.find("profiles.quiet = {") != std::string::npos);
  home.spawn("a", {"--profile", "quiet", "--tag", "t"});
  for (int round = 0; round < 2; ++round) {
    auto const shown = home.agent("a");
    CHECK(shown["profile"] == "quiet");
    CHECK(shown["approvalMode"] == "read-only");
    CHECK(shown["agentProfile"]["base"] == "isolated");
    CHECK(shown["agentProfile"]["instructions"]["append"] == 1);
    std::string outcomes;
    for (auto const& line : shown["projection"])
      outcomes += line["field"].get<std::string>() + "=" + line["outcome"].get<std::string>() + " ";
    CHECK(outcomes.find("relay.context=applied") != std::string::npos);
    CHECK(outcomes.find("instructions.append=not possible") != std::string::npos);
    if (round == 0) home.kill_daemon();
  }
  // Narrow: reached by its own name, not by its tag.
  auto const group = home.send("tag:t", "all of you", {"--later"});
  auto const own = home.send("a", "you", {"--wait=done"});
  (void)own;
  CHECK(home.message(group)["deliveries"].empty());
  // What the request says wins.
  home.spawn("b", {"--profile", "quiet", "--approval-mode", "full"});
  CHECK(home.agent("b")["approvalMode"] == "full");
}

TEST_CASE("ProfilesThatCannotBeAreRefused") {
  Installation home;
  configure(home, R"([profiles.exact]
strict = true
instructions = {system = "You are."}
[profiles.claudes]
provider = "claude"
)");
  auto const refused = [&](std::vector<std::string> const& more) {
    std::vector<std::string> words{"spawn", "x", "--provider", "command", "--cwd", home.work().string()};
    words.insert(words.end(), more.begin(), more.end());
    auto const ran = home.run(words);
    CHECK(ran.status == 2);
    return ran.err;
  };
  auto const unknown = refused({"--profile", "nobody"});
  CHECK(unknown.find("known are: claudes, exact") != std::string::npos);
  CHECK(refused({"--profile", "exact"}).find("is strict") != std::string::npos);
  CHECK(refused({"--profile", "claudes"}).find("is for claude") != std::string::npos);
  // Without a provider it is started as what its profile is for; here that is not installed.
  json const nowhere = {{"command", "/nowhere/claude"}};
  auto const missing =
      home.run({"spawn", "x", "--cwd", home.work().string(), "--profile", "claudes", "--options", nowhere.dump()});
  CHECK(missing.err.find("Claude Code is not installed") != std::string::npos);
  CHECK(home.agent("x").empty());
  configure(home, "[profiles.bad]\nskills = [\"./nowhere\"]\n");
  auto const check = home.run({"config", "check"});
  CHECK(check.status != 0);
  CHECK((check.out + check.err).find("config.toml:2:") != std::string::npos);
}

TEST_CASE("AProfileComesWholeInTheRequest") {
  Installation home;
  configure(home, "[profiles.ground]\npermissions = {mode = \"auto\"}\n");
  home.good({"up"});
  auto const post = [&](json const& profile) {
    json const body = {{"id", "a"}, {"provider", "command"}, {"cwd", home.work().string()}, {"agentProfile", profile}};
    auto const socket = (home.state() / "run" / "control.sock").string();
    return json::parse(home.run_program("/usr/bin/curl",
                                        {"-s", "--unix-socket", socket, "-d", body.dump(), "-H",
                                         "Content-Type: application/json", "http://localhost/v1/agents"},
                                        "")
                           .out);
  };
  CHECK(post({{"bse", "host"}})["field"] == "agentProfile.bse");
  CHECK(post({{"skills", {"/nowhere"}}})["field"] == "agentProfile.skills");
  auto const made = post({{"name", "mine"}, {"base", "ground"}, {"relay", {{"context", true}}}});
  CHECK(made["profile"] == "mine");
  CHECK(made["approvalMode"] == "auto");
}
