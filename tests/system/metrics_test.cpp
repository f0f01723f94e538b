// The daemon's figures, as Prometheus gets them.
#include "system/installation.hpp"

#include <filesystem>

using ar::test::Installation;

TEST_CASE("PrometheusReadsWhatTheDaemonCounts") {
  Installation home;
  home.spawn("demo");
  home.good({"send", "demo", "count this", "--wait=done", "--timeout", "30s"});
  auto const socket = (home.state() / "run" / "control.sock").string();
  auto const scrape = [&] {
    return home
        .run_program("/usr/bin/curl", {"--silent", "--fail", "--unix-socket", socket, "http://daemon/metrics"}, "")
        .out;
  };
  auto const has = [&](char const* line) { return scrape().find(line) != std::string::npos; };
  CHECK(Installation::eventually([&] { return has("agent_runner_messages_total{outcome=\"done\"} 1\n"); }));
  CHECK(has("agent_runner_agents{state=\"idle\"} 1\n"));
  CHECK(has("agent_runner_queue_length{agent=\"demo\"} 0\n"));
  CHECK(has("agent_runner_message_seconds_count{phase=\"turn\"} 1\n"));
  CHECK(has("agent_runner_bus_up{kind=\"embedded\"} 1\n"));
  CHECK(has("agent_runner_approvals_pending 0\n"));
  CHECK(has("process_resident_memory_bytes "));
  if (!std::filesystem::exists("/usr/bin/promtool")) {
    MESSAGE("promtool (Debian's package prometheus) is not installed");
    return;
  }
  auto const checked = home.run_program("/usr/bin/promtool", {"check", "metrics"}, scrape());
  CHECK_MESSAGE(checked.status == 0, checked.out, checked.err);
}
