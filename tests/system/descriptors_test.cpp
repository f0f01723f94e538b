// Few open files: the limit is raised where it can be, and where it cannot the daemon starts no more agents than it
// can hold, and goes on to answer.
#include "support/file_text.hpp"
#include "system/installation.hpp"

using ar::json;
using ar::test::Installation;

TEST_CASE("ADaemonWithFewFilesRefusesAgentsAndAnswers") {
  Installation home;
  home.prefix = {"/usr/bin/prlimit", "--nofile=72:72"};
  home.good({"up"});
  home.prefix.clear();
  std::string refusal;
  int running = 0;
  for (int i = 0; i < 47 && refusal.empty(); ++i) {
    auto const spawned = home.run(
        {"spawn", "a" + std::to_string(i), "--no-wait", "--provider", "command", "--cwd", home.work().string()});
    if (spawned.status == 0)
      ++running;
    else
      refusal = spawned.err;
  }
  CHECK_MESSAGE(refusal.find("no further agent can be started: the daemon has ") != std::string::npos, refusal);
  CHECK_MESSAGE(refusal.find(" of 72 files open") != std::string::npos, refusal);
  REQUIRE(running > 0);
  // Those that are there work on.
  for (int i = 0; i < running; ++i) {
    auto const name = "a" + std::to_string(i);
    home.wait_for_state(name, "idle");
    CHECK(home.run({"send", name, "hello", "--wait=done"}).status == 0);
  }
  auto const told = home.run({"doctor"}).out;
  CHECK_MESSAGE(told.find("of 72 files open") != std::string::npos, told);
  // And one that goes makes room.
  home.good({"stop", "a0"});
  home.good({"rm", "a0"});
  home.good({"spawn", "again", "--provider", "command", "--cwd", home.work().string()});
}

TEST_CASE("TheLimitOfOpenFilesIsRaisedForTheDaemonAndNotForAgents") {
  Installation home;
  home.prefix = {"/usr/bin/prlimit", "--nofile=72:4096"};
  home.good({"up"});
  home.prefix.clear();
  auto const shown = home.work() / "limit";
  home.spawn("a", {"--", "sh", "-c", "ulimit -n > " + shown.string() + "; exec cat"});
  CHECK(ar::test::file_text(shown) == "72\n");
  auto const limits = ar::test::file_text("/proc/" + std::to_string(*home.daemon_pid()) + "/limits");
  CHECK_MESSAGE(limits.find("Max open files            4096 ") != std::string::npos, limits);
  CHECK_MESSAGE(home.run({"doctor"}).out.find("of 4096 files open") != std::string::npos, limits);
}
