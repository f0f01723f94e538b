// The daemon's start and end as the command line drives them, with a stand-in for agent-runnerd beside a copy
// of it.
#include "base/json.hpp"
#include "cli_process.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

using namespace ar;
using namespace ar::test;

namespace {

/// A bin folder of its own: a copy of agent-runner (a link would lead it back), the stand-in, a hook client.
struct Installed {
  CliHome home;
  Installed() {
    auto const bin = home.dir() / "bin";
    std::filesystem::create_directory(bin);
    std::filesystem::copy_file(std::filesystem::path(AR_BIN_DIR) / "agent-runner", bin / "agent-runner");
    std::filesystem::create_symlink(AR_FAKE_DAEMON, bin / "agent-runnerd");
    std::ofstream(bin / "agent-runner-hook") << "#!/bin/sh\necho \"hook $*\"; cat\n";
    ::chmod((bin / "agent-runner-hook").c_str(), 0755);
    home.program = bin / "agent-runner";
  }
  ~Installed() { home.run({"down"}); }
  std::size_t starts() const {
    std::ifstream file(home.state() / "starts");
    return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(file), {}, '\n'));
  }
};

/// A zombie is dead: who reaps it depends on the machine's process 1.
bool is_alive(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string const stat(std::istreambuf_iterator<char>(file), {});
  auto const state = stat.find(") ");
  return state != std::string::npos && stat[state + 2] != 'Z';
}

}  // namespace

TEST_CASE("WithNoDaemonNoStartFails") {
  CliHome const home;
  auto const ran = home.run({"ps", "--no-start"});
  CHECK(ran.status == 1);
  CHECK(ran.err.find("agent-runner up") != std::string::npos);
  CHECK(!std::filesystem::exists(home.state()));
}

TEST_CASE("AVerbStartsTheDaemonAndDownEndsIt") {
  Installed const here;
  CHECK(here.home.run({"ps", "--json"}).status == 0);
  CHECK(here.starts() == 1);
  auto const up = here.home.run({"up"});
  CHECK(up.out.find("runs already") != std::string::npos);
  auto const pid = json::parse(here.home.run({"up", "--json"}).out)["pid"].get<int>();
  CHECK(is_alive(pid));
  CHECK(::getsid(pid) == pid);
  auto const down = here.home.run({"down", "--json"});
  CHECK(down.status == 0);
  CHECK(json::parse(down.out)["stopped"] == true);
  CHECK(!is_alive(pid));  // it had ended when `down` returned
  CHECK(here.home.run({"down"}).err.find("no daemon runs") != std::string::npos);
  CHECK(here.starts() == 1);
}

TEST_CASE("ManyCallersAtOnceStartOneDaemon") {
  Installed const here;
  std::vector<std::unique_ptr<CliProcess>> callers;
  for (int i = 0; i < 6; ++i)
    callers.push_back(std::make_unique<CliProcess>(here.home.program, std::vector<std::string>{"ps"},
                                                   here.home.environment(), here.home.dir()));
  for (auto& caller : callers) CHECK(caller->finish().status == 0);
  CHECK(here.starts() == 1);
}

TEST_CASE("ADaemonThatCannotStartSaysWhy") {
  Installed const here;
  auto const failed = here.home.run({"up"}, {}, {"FAKE_DAEMON=error"});
  CHECK(failed.status == 1);
  CHECK(failed.err.find("config.toml:3:1") != std::string::npos);
  auto const silent = here.home.run({"ps"}, {}, {"FAKE_DAEMON=silent"});
  CHECK(silent.status == 1);
  CHECK(silent.err.find("daemon.log") != std::string::npos);
}

TEST_CASE("AnAgentStartsNoDaemonElsewhereEither") {
  Installed const here;
  auto const ran = here.home.run({"--state-dir", here.home.state().string(), "up"}, {},
                                 {"AGENT_RELAY_TOKEN=t", "AGENT_RUNNER_SOCKET=/none"});
  CHECK(ran.status == 4);
  CHECK(here.starts() == 0);
}

TEST_CASE("RelativeStateDirectoriesMeanTheCallersFolder") {
  Installed const here;
  CHECK(here.home.run({"--state-dir", "s", "up"}).status == 0);
  CHECK(here.starts() == 1);
}

TEST_CASE("DoctorAddsItsOwnChecksAndFailsOnErrors") {
  Installed const here;
  auto const away = here.home.run({"doctor", "--json"});
  CHECK(away.status == 1);
  auto const checks = json::parse(away.out)["checks"];
  CHECK(checks[0]["finding"] == "it does not run");
  CHECK(checks.back()["subject"] == "tmux");
  CHECK(here.starts() == 0);  // it looks, it does not start
  REQUIRE(here.home.run({"up"}).status == 0);
  auto const running = here.home.run({"doctor"});
  CHECK(running.out.find("0.0.1-other") != std::string::npos);
  CHECK(running.out.find("control.sock (0600)") != std::string::npos);
  CHECK(running.out.find("→ apt install tmux") != std::string::npos);
  CHECK(running.out.find("nats, backoff: messages wait") != std::string::npos);
  CHECK(running.out.find("paused (a reboot): nothing new is handed to any agent") != std::string::npos);
}

TEST_CASE("ConfigShowTellsWhatIsNotInForceYet") {
  Installed const here;
  auto const alone = here.home.run({"config", "show"});
  CHECK(alone.out ==
        "log.level = \"debug\"   # F:3; how much\nagents.max = 5   # default; how many (a change needs a restart)\n");
  CHECK(alone.err.empty());
  CHECK(here.starts() == 0);
  REQUIRE(here.home.run({"up"}).status == 0);
  auto const beside = here.home.run({"config", "show"});
  CHECK(beside.out.find("# changed since the daemon's start, which goes by \"info\"") != std::string::npos);
  CHECK(beside.err.find("1 value is not in force yet") != std::string::npos);
  auto const shown = json::parse(here.home.run({"config", "show", "--json"}).out);
  CHECK(shown["settings"][0]["inForce"] == "info");
  CHECK_FALSE(shown["settings"][1].contains("inForce"));
  auto const taken = here.home.run({"config", "reload"});
  CHECK(taken.out ==
        "log.level = \"debug\"   # was \"info\"\nproviders.claude has changed\n"
        "agents.max = 6   # needs a restart; the daemon goes by 5\n");
  CHECK(taken.err.find("1 value needs a restart") != std::string::npos);
}

TEST_CASE("OtherProgramsAreRunAsThemselves") {
  Installed const here;
  CHECK(here.home.run({"config", "check"}).status == 1);
  CHECK(here.home.run({"daemon", "--foreground"}).status == 7);
  CHECK(here.home.run({"hook", "Stop"}, "{}").out == "hook Stop\n{}");
  auto const version = json::parse(here.home.run({"version", "--json"}).out);
  CHECK(version["agent-runnerd"] == "9.9.9");
  CHECK(version["daemon"].is_null());
}

TEST_CASE("AMissingHookClientNeverStopsAProvider") {
  Installed const here;
  std::filesystem::remove(here.home.dir() / "bin" / "agent-runner-hook");
  auto const ran = here.home.run({"hook", "Stop"}, "{}");
  CHECK(ran.status == 0);
  CHECK(ran.out.empty());
  CHECK(ran.err.find("agent-runner-hook") != std::string::npos);
}

TEST_CASE("AMissingDaemonProgramIsNamed") {
  Installed const here;
  std::filesystem::remove(here.home.dir() / "bin" / "agent-runnerd");
  auto const ran = here.home.run({"ps"});
  CHECK(ran.status == 1);
  CHECK(ran.err.find("agent-runnerd is missing") != std::string::npos);
}
