// An edited config.toml: what a running daemon takes of it, and what it names as needing a restart.
#include "installation.hpp"

#include <csignal>
#include <fstream>

using ar::json;
using ar::test::Installation;

namespace {

void write(Installation& home, std::string const& text) {
  std::filesystem::create_directories(home.state());
  std::ofstream(home.state() / "config.toml") << text;
}

json in_force(Installation& home, std::string const& key) {
  auto const shown = home.good({"config", "show", "--json"}).parsed();
  for (auto const& setting : shown["settings"])
    if (setting["key"] == key) return setting.value("inForce", setting["value"]);
  return nullptr;
}

std::vector<json> reloads(Installation& home) {
  std::vector<json> found;
  for (auto const& line : Installation::lines(home.good({"events", "--json", "--from", "0"}).out))
    if (auto event = json::parse(line); event["type"] == "config.reloaded") found.push_back(event["data"]);
  return found;
}

}  // namespace

TEST_CASE("AnEditedConfigurationIsTakenByARunningDaemonAsFarAsItCanBe") {
  Installation home;
  home.good({"up"});
  CHECK(home.good({"config", "reload"}).err.find("nothing has changed") != std::string::npos);
  write(home,
        "[log]\nlevel = \"debug\"\n[agents]\ncolumns = 90\n[relay]\nlease_seconds = 60\n"
        "[profiles.small]\nbase = \"isolated\"\n");
  auto const before = home.good({"config", "show"});
  CHECK_MESSAGE(before.err.find(" config reload takes what needs no restart") != std::string::npos, before.err);
  auto const refused = home.run({"spawn", "a", "--provider", "command", "--profile", "small", "--", "cat"});
  CHECK(refused.err.find("there is no profile") != std::string::npos);

  auto const taken = home.good({"config", "reload"});
  CHECK_MESSAGE(taken.out.find("log.level = \"debug\"   # was \"info\"") != std::string::npos, taken.out);
  CHECK(taken.out.find("profiles.small = ") != std::string::npos);
  CHECK(taken.out.find("relay.lease_seconds = 60   # needs a restart") != std::string::npos);
  CHECK(taken.err.find("1 value needs a restart") != std::string::npos);
  CHECK(in_force(home, "log.level") == "debug");
  CHECK(in_force(home, "agents.columns") == 90);
  CHECK(in_force(home, "relay.lease_seconds") != 60);
  auto const after = home.good({"config", "show"});
  CHECK_MESSAGE(after.err.find("1 value is not in force yet; ") != std::string::npos, after.err);
  auto const profiled = home.run({"spawn", "a", "--provider", "command", "--profile", "small", "--", "cat"});
  CHECK(profiled.err.find("there is no profile") == std::string::npos);

  // One that is wrong changes nothing, and says where.
  write(home, "[log]\nlevel = \"trace\"\n[agents]\ncolumns = \"many\"\n");
  auto const wrong = home.run({"config", "reload"});
  CHECK(wrong.status != 0);
  CHECK_MESSAGE(wrong.err.find("config.toml:4:") != std::string::npos, wrong.err);
  write(home, "[log]\nlevel = \"debug\"\n[providers.none]\nx = 1\n");
  CHECK(home.run({"config", "reload"}).err.find("there is no provider \"none\"") != std::string::npos);
  CHECK(reloads(home).size() == 2);
}

TEST_CASE("AHangUpTellsTheDaemonToReadItsConfigurationAgain") {
  Installation home;
  home.good({"up"});
  auto const daemon = home.daemon_pid();
  REQUIRE(daemon.has_value());
  write(home, "[log]\nlevel = \"debug\"\n[control]\nport = 1\n");
  ::kill(*daemon, SIGHUP);
  REQUIRE(Installation::eventually([&] { return !reloads(home).empty(); }));
  auto const told = reloads(home).back();
  CHECK(told["changed"] == json::array({"log.level"}));
  CHECK(told["restart"] == json::array({"control.port"}));
  CHECK(in_force(home, "log.level") == "debug");
  write(home, "no toml");
  ::kill(*daemon, SIGHUP);
  auto const log = [&] { return home.good({"logs"}).out; };
  CHECK(Installation::eventually([&] { return log().find("the configuration stays as it is") != std::string::npos; }));
  CHECK(home.daemon_pid() == daemon);
  CHECK(reloads(home).size() == 1);
}
