// The tmux server in a scope of its own, seen from the daemon: with systemd-run's place taken by small
// scripts. The real one is in tests/systemd.
#include "lab.hpp"

#include <sys/stat.h>

using namespace ar;
using namespace ar::test;

namespace {

/// Opens a host whose systemd-run is `script`, and starts an agent on it.
void start_agent_with(Lab& lab, std::string const& script) {
  auto const path = lab.dir.path() / "systemd-run";
  std::ofstream(path) << "#!/bin/sh\necho \"$@\" >>" << (lab.dir.path() / "asked").string() << "\n" << script;
  ::chmod(path.c_str(), 0755);
  lab.run_in_scope_of(path);
  lab.with_host([&]() -> awaitable<void> {
    auto const agent = co_await lab.start("a", nullptr, "/bin/sh", "-c", "echo ready; read x");
    co_await Lab::until(agent, "ready");
    // A second host joins the server that is there.
    co_await lab.close();
    co_await lab.open();
    auto list = co_await lab.host->list();
    REQUIRE(list.has_value());
    CHECK(list->size() == 1);
  });
}

}  // namespace

TEST_CASE("TheServerIsStartedInAScopeOnceAndServes") {
  Lab lab;
  start_agent_with(lab,
                   "while [ \"$1\" != -- ]; do shift; done; shift\n"
                   "\"$@\" && echo started >>" +
                       (lab.dir.path() / "asked").string() + "\n");
  auto const asked = slurp(lab.dir.path() / "asked");
  CHECK_MESSAGE(asked.starts_with("--user --scope --quiet --collect --unit=agent-runner-tmux-"), asked);
  CHECK_MESSAGE(asked.ends_with("\nstarted\n"), asked);
  CHECK(std::count(asked.begin(), asked.end(), '\n') == 2);
}

TEST_CASE("WithoutAUserManagerTheServerIsStartedDirectly") {
  Lab lab;
  start_agent_with(lab, "echo 'Failed to connect to bus: No medium found' >&2; exit 1\n");
}

TEST_CASE("ABusThatNeverAnswersDelaysTheServerByNoMoreThanItsPatience") {
  Lab lab;
  auto const begun = Clock::now();
  auto const sleeps = unique_seconds();
  start_agent_with(lab, "sleep " + sleeps + " & wait\n");
  CHECK(Clock::now() - begun < 20s);
  for (pid_t const pid : processes_with(sleeps)) ::kill(pid, SIGKILL);  // the child that held our pipe
  CHECK(all_gone(sleeps));
}

TEST_CASE("WithoutSystemdTheServerIsStartedDirectly") {
  Lab lab;
  lab.run_in_scope_of("/nowhere/systemd-run");
  lab.with_host([&]() -> awaitable<void> {
    auto const agent = co_await lab.start("a", nullptr, "/bin/sh", "-c", "echo ready; read x");
    co_await Lab::until(agent, "ready");
  });
}
