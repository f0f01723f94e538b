// What an agent's program starts and lets go of ends with the program, however it has hidden.
#include "support/file_text.hpp"
#include "system/installation.hpp"

#include <algorithm>

using ar::json;
using ar::test::Installation;

namespace {

/// Each leaves a process behind that has the seconds $N in its command line, which no other process has.
constexpr char kMakers[] = R"(
sleep $N &
nohup sleep $N >/dev/null 2>&1 &
setsid sleep $N &
setsid -f sleep $N
(sleep $N &)
( (sleep $N &) &)
(setsid sleep $N &)
(exec -a kworker/0:1 sleep $N &)
cp /bin/sleep cron; setsid ./cron $N &
(setsid bash -c "exec bash -c 'exec sleep $N'" &)
(trap '' HUP INT TERM; exec setsid sleep $N) &
(env -i setsid sleep $N &)
env -i setsid -f sleep $N
(setsid bash -c "sleep $N; :" &)
setsid -f bash -c "exec -a '' sleep $N"
perl -MPOSIX -e 'exit if fork; setsid; exit if fork; chdir "/"; close $_ for *STDIN, *STDOUT, *STDERR; exec @ARGV' sleep $N
(setsid sleep $N & kill -STOP $!)
setsid -f bash -c "while :; do sleep $N; done"
(setsid env -i bash -c "trap '' HUP TERM; while :; do sleep $N & wait; done" &)
setsid -f perl -e '$0 = "sshd: " . shift; sleep 1000' $N
)";

constexpr int kMade = 20;

class Orphans {
 public:
  Orphans() {
    std::ofstream(home.work() / "makers.sh") << "echo . >> starts; N=" << seconds("$(grep -c . starts)") << "\n"
                                             << kMakers << "\n[ -e dies ] && exit 3\nexec cat\n";
  }
  void spawn() {
    json const options = {{"command", {"/bin/bash", "makers.sh"}}};
    home.good({"spawn", "maker", "--no-wait", "--provider", "command", "--cwd", home.work().string(), "--options",
               options.dump()});
  }
  /// How many processes of its `start`th process run.
  static int of(int start) {
    int running = 0;
    for (auto const& entry : std::filesystem::directory_iterator("/proc"))
      running +=
          ar::test::file_text(entry.path() / "cmdline").find(seconds(std::to_string(start))) != std::string::npos;
    return running;
  }
  /// Waits until its `start`th process has made all of them.
  static void wait_for(int start) {
    REQUIRE(Installation::eventually([&] { return of(start) >= kMade; }));
    std::cout << "start " << start << ": " << of(start) << " orphans\n";
  }
  static int left(char const* after, int start) {
    int const running = of(start);
    std::cout << after << ": " << running << " left\n";
    return running;
  }
  pid_t pid() { return home.agent("maker")["pid"].get<pid_t>(); }

  Installation home;

 private:
  static std::string seconds(std::string const& start) { return std::to_string(::getpid()) + "70" + start + "0"; }
};

}  // namespace

TEST_CASE("WhateverAnAgentsProgramLeftBehindIsEndedBeforeItsNextProcessStarts") {
  Orphans agent;
  agent.spawn();
  for (int start = 1; start <= 2; ++start) {
    agent.wait_for(start);
    auto const pid = agent.pid();
    ::kill(pid, SIGKILL);
    agent.wait_for(start + 1);
    CHECK(agent.left("crash", start) == 0);
    CHECK(agent.pid() != pid);
  }
  SUBCASE("stop") { CHECK(agent.home.good({"stop", "maker"}).status == 0); }
  SUBCASE("kill") { CHECK(agent.home.good({"kill", "maker"}).status == 0); }
  SUBCASE("down") { CHECK(agent.home.good({"down", "--agents"}).status == 0); }
  SUBCASE("while no daemon runs, its terminal dies as well") {
    agent.home.kill_daemon();
    agent.home.run_program("/usr/bin/tmux", {"-S", (agent.home.state() / "run" / "tmux.sock").string(), "kill-server"},
                           "");
    agent.home.good({"up"});
    agent.wait_for(4);
  }
  CHECK(agent.left("end", 3) == 0);
}

TEST_CASE("AnAgentThatIsGivenUpOrRemovedLeavesNothingBehind") {
  Orphans agent;
  std::ofstream(agent.home.work() / "dies") << "at once";
  agent.spawn();
  agent.home.wait_for_state("maker", "failed");
  for (int start = 1; start <= 4; ++start) CHECK(agent.left("given up", start) == 0);
  std::filesystem::remove(agent.home.work() / "dies");
  agent.home.good({"restart", "maker"});
  agent.wait_for(5);
  agent.home.good({"stop", "maker"});
  agent.home.good({"rm", "maker"});
  CHECK(agent.left("rm", 5) == 0);
}
