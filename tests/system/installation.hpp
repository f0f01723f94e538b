// A whole agent-runner of its own for one test: state directory, daemon, tmux server. Drives the real programs as a
// person would; the destructor ends everything it started.
#pragma once
#include "base/instance.hpp"
#include "base/json.hpp"
#include "support/faults.hpp"
#include "support/file_text.hpp"
#include "support/patience.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace ar::test {

struct Outcome {
  int status = -1;
  std::string out, err;
  /// The one JSON document it printed.
  json parsed() const {
    auto value = json::parse(out, nullptr, false);
    REQUIRE_MESSAGE(!value.is_discarded(), "not JSON: ", out, err);
    return value;
  }
};

/// The tmux servers that were started for a socket below `folder`.
inline std::vector<pid_t> tmux_servers(std::filesystem::path const& folder) {
  std::vector<pid_t> found;
  auto const socket = std::string("-S\0", 3) + folder.string() + "/";
  for (auto const& entry : std::filesystem::directory_iterator("/proc")) {
    auto const pid = static_cast<pid_t>(std::atol(entry.path().filename().c_str()));
    if (pid <= 0) continue;
    auto const words = file_text(entry.path() / "cmdline");
    auto const name = file_text(entry.path() / "comm");
    if (name.starts_with("tmux: server") && words.find(socket) != std::string::npos) found.push_back(pid);
  }
  return found;
}

class Installation {
 public:
  Installation() { std::filesystem::create_directories(work()); }
  ~Installation() {
    run({"--no-start", "down", "--agents"});
    if (auto pid = daemon_pid()) ::kill(*pid, SIGKILL);
    // Whatever a failed test left behind runs in our own tmux server, which may have no socket left.
    auto const socket = state() / "run" / "tmux.sock";
    if (std::filesystem::exists(socket)) run_program("/usr/bin/tmux", {"-S", socket.string(), "kill-server"}, "");
    for (auto const pid : tmux_servers(state())) ::kill(pid, SIGKILL);
    for (auto const& line : lines(file_text(state() / "daemon.log")))
      if (tells_of_fault(line)) ADD_FAIL_CHECK_AT("daemon.log", 0, line);
  }

  std::filesystem::path state() const { return dir_.path() / "s"; }
  std::filesystem::path work() const { return dir_.path() / "w"; }
  /// Added to the environment of every program started from here on.
  std::vector<std::string> environment{};
  /// Before every program started from here on: what makes it run on another host.
  std::vector<std::string> prefix{};

  Outcome run(std::vector<std::string> arguments, std::string const& input = "") {
    std::vector<std::string> all{"--state-dir", state().string()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_program(std::string(AR_BIN_DIR) + "/agent-runner", all, input);
  }
  /// As run, and it must have worked.
  Outcome good(std::vector<std::string> arguments, std::string const& input = "") {
    auto outcome = run(std::move(arguments), input);
    if (outcome.status != 0) std::cerr << state() / "daemon.log" << ":\n" << slurp(state() / "daemon.log");
    REQUIRE_MESSAGE(outcome.status == 0, outcome.out, outcome.err);
    return outcome;
  }

  /// Starts an agent on the bundled demo program, or on `command`, and waits until it is idle.
  void spawn(std::string const& name, std::vector<std::string> const& more = {}) {
    std::vector<std::string> arguments{"spawn", name, "--no-wait", "--provider", "command", "--cwd", work().string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    good(arguments);
    wait_for_state(name, "idle");
  }
  json agent(std::string const& name) {
    for (auto const& line : lines(good({"ps", "-a", "--json"}).out)) {
      auto const shown = json::parse(line);
      if (shown.value("id", "") == name) return shown;
    }
    return json::object();
  }
  void wait_for_state(std::string const& name, std::string const& state) {
    auto const there = eventually([&] { return agent(name).value("state", "") == state; });
    REQUIRE_MESSAGE(there, name, " is not ", state, ": ", agent(name).dump());
  }
  std::int64_t send(std::string const& to, std::string const& text, std::vector<std::string> const& more = {}) {
    std::vector<std::string> arguments{"send", to, "-", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return good(arguments, text).parsed()["id"].get<std::int64_t>();
  }
  json message(std::int64_t id) { return good({"message", "show", std::to_string(id), "--json"}).parsed(); }
  /// Where the body of a message lies that its agent got as a file; empty: nowhere.
  std::filesystem::path body_file(std::string const& agent, std::int64_t id) const {
    std::error_code ec;
    for (auto const& entry : std::filesystem::directory_iterator(state() / "agents" / agent / "messages", ec))
      if (entry.path().filename().string().starts_with("message-" + std::to_string(id) + "-")) return entry.path();
    return {};
  }
  std::string delivery_state(std::int64_t id) {
    auto const shown = message(id);
    return shown["deliveries"].empty() ? "" : shown["deliveries"][0].value("state", "");
  }
  /// Only one that is proved to be it: its number, written down, may be another process's by now.
  std::optional<pid_t> daemon_pid() const {
    auto const daemon = living_instance(state());
    return daemon ? std::optional(daemon->pid) : std::nullopt;
  }
  /// False for one that has ended and is only not reaped yet.
  static bool runs(pid_t pid) {
    std::error_code ec;
    (void)std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", ec);
    return !ec;
  }
  /// kill -9, and gone when this returns.
  void kill_daemon() {
    auto const pid = daemon_pid();
    REQUIRE(pid.has_value());
    ::kill(*pid, SIGKILL);
    REQUIRE(eventually([&] { return !runs(*pid); }));
  }

  /// Asks again until it is so, for 30 s at most: the thing asked about is another process.
  static bool eventually(std::function<bool()> const& condition) {
    auto const deadline = std::chrono::steady_clock::now() + kPatience * std::chrono::seconds(30);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  static std::vector<std::string> lines(std::string const& text) {
    std::vector<std::string> all;
    std::size_t at = 0;
    while (at < text.size()) {
      auto const end = std::min(text.find('\n', at), text.size());
      if (end > at) all.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return all;
  }

  Outcome run_program(std::string const& program, std::vector<std::string> const& arguments, std::string const& input) {
    auto const in = dir_.path() / "in", out = dir_.path() / "out", err = dir_.path() / "err";
    std::ofstream(in, std::ios::binary) << input;
    // The machine's memory pressure is not the test's: it would suspend agents at any moment.
    std::vector<std::string> env{"PATH=/usr/local/bin:/usr/bin:/bin",
                                 "HOME=" + dir_.path().string(),
                                 "LANG=C.UTF-8",
                                 "TERM=xterm-256color",
                                 "AGENT_RUNNER_MEMORY_PRESSURE=false",
                                 kSanitized ? "AGENT_RUNNER_LOOP_FAULT_MS=500" : "AGENT_RUNNER_LOOP_FAULT_MS=50",
                                 "AGENT_RUNNER_CHECK_ANSWERS=true"};
    env.insert(env.begin(), environment.begin(), environment.end());  // the first one of a name counts
    std::vector<std::string> words = prefix;
    words.push_back(program);
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv, envp;
    for (auto& word : words) argv.push_back(word.data());
    for (auto& entry : env) envp.push_back(entry.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, in.c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    Outcome outcome;
    pid_t pid = -1;
    int const rc = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), envp.data());
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) return outcome;
    int status = 0;
    ::waitpid(pid, &status, 0);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.out = slurp(out);
    outcome.err = slurp(err);
    return outcome;
  }

 private:
  static std::string slurp(std::filesystem::path const& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  TempDir dir_;
};

}  // namespace ar::test
