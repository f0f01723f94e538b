// What a hook costs the provider that waits for it: the whole process, from spawn to exit, with the control
// server of a daemon that does nothing. Interleaved in one run: /bin/true (the floor), the hook client with
// and without a daemon, and what one would write without it, sh with curl.
#include "bench/trivial_api.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

using Steady = std::chrono::steady_clock;
constexpr int rounds = 300;

struct Row {
  std::string name;
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::vector<double> times{};
};

/// Spawn to exit, in microseconds.
double run(Row const& row, std::string const& input) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, input.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  std::vector<char*> argv, envp;
  for (auto const& argument : row.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  for (auto const& variable : row.environment) envp.push_back(const_cast<char*>(variable.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  auto const start = Steady::now();
  ::pid_t pid = 0;
  int const failed = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), envp.data());
  int status = -1;
  if (!failed) ::waitpid(pid, &status, 0);
  auto const end = Steady::now();
  posix_spawn_file_actions_destroy(&actions);
  if (failed || status != 0) throw std::runtime_error(row.name + " failed");
  return std::chrono::duration<double, std::micro>(end - start).count();
}

}  // namespace

int main() try {
  ar::bench::BenchServer server;
  std::string const input = server.dir() / "input.json";
  std::ofstream(input) << R"({"session_id":"0b7e","hook_event_name":"UserPromptSubmit","prompt":")"
                       << std::string(1000, 'x') << "\"}";
  auto const environment = [](std::string const& socket) {
    return std::vector<std::string>{"PATH=/usr/bin:/bin", "AGENT_RUNNER_SOCKET=" + socket,
                                    "AGENT_RELAY_TOKEN=0123456789abcdef", "AGENT_RELAY_PROVIDER_SESSION_ID=s"};
  };
  std::string const hook = AR_BIN_DIR "/agent-runner-hook";
  std::vector<Row> rows{
      {"/bin/true", {"/bin/true"}, {}},
      {"agent-runner-hook", {hook, "UserPromptSubmit"}, environment(server.socket())},
      {"agent-runner-hook, tool", {hook, "PreToolUse"}, environment(server.socket())},
      {"agent-runner-hook, no daemon", {hook, "UserPromptSubmit"}, environment(server.dir() / "none.sock")},
  };
  if (::access("/usr/bin/curl", X_OK) == 0)
    rows.push_back({"sh + curl",
                    {"/bin/sh", "-c",
                     "curl -s --unix-socket \"$AGENT_RUNNER_SOCKET\" -H \"Authorization: Bearer $AGENT_RELAY_TOKEN\" "
                     "-H 'Content-Type: application/json' --data-binary @- http://localhost/v1/hooks/UserPromptSubmit"},
                    environment(server.socket())});
  for (int round = -20; round < rounds; ++round)
    for (auto& row : rows) {
      double const time = run(row, input);
      if (round >= 0) row.times.push_back(time);
    }
  std::printf("%-30s %9s %9s %9s   (us, spawn to exit, N=%d)\n", "", "mean", "p50", "p99", rounds);
  for (auto& row : rows) {
    std::ranges::sort(row.times);
    double sum = 0;
    for (double const time : row.times) sum += time;
    std::printf("%-30s %9.0f %9.0f %9.0f\n", row.name.c_str(), sum / rounds, row.times[rounds / 2],
                row.times[rounds * 99 / 100]);
  }
  return 0;
} catch (std::exception const& e) {
  std::fprintf(stderr, "hook_bench: %s\n", e.what());
  return 1;
}
