// Ends of all kinds: of the daemon, of agents, of the tmux server.
#include "system/installation.hpp"

#include <set>

using ar::json;
using ar::test::Installation;

namespace {
/// Names and pids of all agents.
std::set<std::pair<std::string, int>> processes(Installation& home) {
  std::set<std::pair<std::string, int>> all;
  for (auto const& line : Installation::lines(home.good({"ps", "-a", "--json"}).out)) {
    auto const agent = json::parse(line);
    all.emplace(agent["id"], agent["pid"]);
  }
  return all;
}
std::vector<std::string> const kShell = {"--", "sh", "-c"};
}  // namespace

TEST_CASE("TenAgentsOutliveAKilledDaemonAndAreAdopted") {
  Installation home;
  for (int i = 0; i < 10; ++i) home.spawn("a" + std::to_string(i));
  auto const before = processes(home);
  REQUIRE(before.size() == 10);
  home.kill_daemon();
  for (auto const& [name, pid] : before) CHECK_MESSAGE(Installation::runs(pid), name);
  home.good({"up"});
  for (auto const& [name, pid] : before) home.wait_for_state(name, "idle");
  CHECK(processes(home) == before);
  auto const id = home.send("a3", "still there?");
  CHECK(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
}

TEST_CASE("MessagesSentAroundADaemonsDeathArriveOnce") {
  Installation home;
  home.spawn("demo");
  std::vector<std::int64_t> ids;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3; ++i)
      ids.push_back(home.send("demo", "message " + std::to_string(round) + "." + std::to_string(i)));
    home.kill_daemon();
    home.good({"up"});
  }
  for (auto id : ids)
    CHECK_MESSAGE(Installation::eventually([&] {
                    auto const state = home.delivery_state(id);
                    return state == "done" || state == "failed";
                  }),
                  home.message(id).dump(1));
  int taken = 0;
  for (auto id : ids) {
    auto const shown = home.message(id);
    for (auto const& delivery : shown["deliveries"]) taken += delivery["attempts"].get<int>() > 0;
  }
  CHECK(taken == static_cast<int>(ids.size()));
}

TEST_CASE("ATurnOverTheDaemonsDeathIsAwaitedAndNothingIsTypedIntoIt") {
  Installation home;
  auto const go = home.work() / "go";
  json const options = {{"proof", {{"pattern", "took {correlation_id}"}}}, {"turn_end", {{"pattern", "^answered"}}}};
  home.spawn("slow", {"--options", options.dump(), "--", "sh", "-c",
                      "stty -echo; while read -r line; do n=${line#*runner }; echo took ${n%% *}; "
                      "while [ ! -e " +
                          go.string() + " ]; do sleep 0.1; done; rm " + go.string() +
                          "; echo the result; echo answered; done"});
  auto const first = home.send("slow", "work");
  CHECK(Installation::eventually([&] { return home.delivery_state(first) == "running"; }));
  home.kill_daemon();
  home.good({"up"});
  home.wait_for_state("slow", "busy");
  auto const second = home.send("slow", "more work");
  std::this_thread::sleep_for(std::chrono::seconds(4));  // longer than the patience with a provider at rest
  CHECK(home.delivery_state(first) == "running");
  CHECK(home.delivery_state(second) == "held");
  std::ofstream(go) << "";
  CHECK(Installation::eventually([&] { return home.delivery_state(first) == "done"; }));
  CHECK(home.message(first).dump().find("the result") != std::string::npos);
  CHECK(Installation::eventually([&] { return home.delivery_state(second) == "running"; }));
  // The end comes while no daemon runs.
  home.kill_daemon();
  std::ofstream(go) << "";
  CHECK(Installation::eventually([&] { return !std::filesystem::exists(go); }));
  home.good({"up"});
  CHECK(Installation::eventually([&] { return home.delivery_state(second) == "done"; }));
  CHECK(home.message(second).dump().find("the result") != std::string::npos);
}

TEST_CASE("DownLeavesAgentsUpTakesThemOverAndDownAgentsEndsThem") {
  Installation home;
  home.spawn("demo");
  auto const pid = home.agent("demo")["pid"].get<int>();
  home.good({"down"});
  CHECK_FALSE(home.daemon_pid().has_value());
  CHECK(Installation::runs(pid));
  home.good({"up"});
  home.wait_for_state("demo", "idle");
  CHECK(home.agent("demo")["pid"] == pid);
  home.good({"down", "--agents"});
  CHECK(Installation::eventually([&] { return !Installation::runs(pid); }));
  home.good({"up"});
  CHECK(home.agent("demo")["state"] == "stopped");
}

TEST_CASE("AnAgentKilledIsRestartedAndOneThatKeepsDyingIsGivenUp") {
  Installation home;
  home.spawn("demo");
  auto const pid = home.agent("demo")["pid"].get<int>();
  ::kill(pid, SIGKILL);
  CHECK(Installation::eventually([&] {
    auto const shown = home.agent("demo");
    return shown["state"] == "idle" && shown["pid"] != pid && shown["restarts"] == 1;
  }));
  CHECK(home.agent("demo")["lastExit"] == "signal 9");

  auto arguments = std::vector<std::string>{"spawn", "dies", "--provider", "command", "--cwd", home.work().string()};
  arguments.insert(arguments.end(), kShell.begin(), kShell.end());
  // It lives on for a moment: what is written in the very moment of the end tmux may never read.
  arguments.push_back("echo no API key >&2; sleep 0.3; exit 3");
  auto const dies = home.run(arguments);
  CHECK(dies.status == 1);
  CHECK_MESSAGE(dies.err.find("(last: exit status 3, it said \"no API key\")") != std::string::npos, dies.err);
  CHECK(home.agent("dies")["state"] == "failed");
  CHECK(home.agent("dies")["lastExit"] == "exit status 3, it said \"no API key\"");
  CHECK(home.good({"screen", "dies"}).out == "no API key\n");
  CHECK(home.agent("dies")["restarts"] == 3);
  CHECK(home.agent("dies")["reason"].get<std::string>().find("gave up after 4 exits") != std::string::npos);
  // Nothing changes by starting this one again.
  arguments[1] = "absent";
  arguments.back() = "not-a-program-that-exists; code=$?; sleep 0.3; exit $code";
  CHECK(home.run(arguments).status == 1);
  CHECK(home.agent("absent")["state"] == "failed");
  CHECK(home.agent("absent")["restarts"] == 0);
  CHECK(home.agent("absent")["reason"].get<std::string>().find("was not found (exit status 127, it said ") !=
        std::string::npos);
}

TEST_CASE("AgentsComeBackWhenTheirTmuxServerIsKilled") {
  Installation home;
  home.spawn("demo");
  auto const pid = home.agent("demo")["pid"].get<int>();
  home.run_program("/usr/bin/tmux", {"-S", (home.state() / "run" / "tmux.sock").string(), "kill-server"}, "");
  CHECK(Installation::eventually([&] {
    auto const shown = home.agent("demo");
    return shown["state"] == "idle" && shown["pid"] != pid;
  }));
  auto const id = home.send("demo", "back again?");
  CHECK(Installation::eventually([&] { return home.delivery_state(id) == "done"; }));
}

TEST_CASE("AProgramThatOutlivedItsTerminalIsEndedBeforeItsSuccessorStarts") {
  Installation home;
  auto arguments = std::vector<std::string>{"spawn", "stays", "--provider", "command", "--cwd", home.work().string()};
  arguments.insert(arguments.end(), kShell.begin(), kShell.end());
  arguments.push_back("trap '' HUP; while :; do sleep 1; done");
  home.good(arguments);
  home.wait_for_state("stays", "idle");
  auto const pid = home.agent("stays")["pid"].get<int>();
  home.kill_daemon();
  auto const socket = (home.state() / "run" / "tmux.sock").string();
  home.run_program("/usr/bin/tmux", {"-S", socket, "kill-server"}, "");
  CHECK(Installation::runs(pid));
  home.good({"up"});
  home.wait_for_state("stays", "idle");
  CHECK(home.agent("stays")["pid"] != pid);
  CHECK_FALSE(Installation::runs(pid));
}
