// A stand-in for the agent-runnerd program: keeps its start contract (READY or ERROR on --ready-fd), serves a
// few routes, and ends when told to shut down. FAKE_DAEMON in the environment chooses a failure.
#include "fake_daemon.hpp"

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace ar;
using namespace ar::test;

namespace {

int run_daemon(int ready_fd, std::filesystem::path const& state) {
  auto const say = [&](std::string const& line) {
    (void)!::write(ready_fd, (line + "\n").data(), line.size() + 1);
    ::close(ready_fd);
  };
  char const* const mode = std::getenv("FAKE_DAEMON");
  std::string const wanted = mode ? mode : "";
  if (wanted == "error") return say("ERROR config.toml:3:1: unknown key \"colour\"; remove it"), 1;
  if (wanted == "silent") return 1;
  int const lock = ::open((state / "fake.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) return say("ERROR another daemon runs on " + state.string()), 1;
  std::ofstream(state / "starts", std::ios::app) << ::getpid() << "\n";
  for (char const* name : {"AGENT_RELAY_TOKEN", "AGENT_RUNNER_SOCKET"})
    if (std::getenv(name)) return say(std::string("ERROR it got ") + name), 1;

  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  FakeDaemon daemon(state / "run" / "control.sock", [&](FakeRequest const& request) -> FakeReply {
    if (request.path == "/v1/shutdown") {
      FakeReply reply(202, {{"stopping", true}});
      reply.sent = [&] {
        std::lock_guard const guard(mutex);
        stop = true;
        changed.notify_all();
      };
      return reply;
    }
    if (request.path == "/v1/info")
      return json{{"version", "0.0.1-other"},
                  {"lastEvent", 0},
                  {"runtime", {{"state", "paused"}, {"reason", "a reboot"}}},
                  {"relay", {{"kind", "nats"}, {"transport", "backoff"}}}};
    if (request.path == "/v1/config/reload")
      return json::parse(R"({"changed":[{"key":"log.level","before":"info","value":"debug"},)"
                         R"({"key":"providers.claude","before":null,"value":null}],)"
                         R"("restart":[{"key":"agents.max","inForce":5,"value":6}]})");
    if (request.path == "/v1/config") {
      json const level{{"key", "log.level"}, {"value", "info"}}, most{{"key", "agents.max"}, {"value", 5}};
      return json{{"settings", {level, most}}};
    }
    return json{{"agents", json::array()}};
  });
  ::chmod((state / "run" / "control.sock").c_str(), 0600);
  ::chmod((state / "run").c_str(), 0700);
  say("READY");
  std::unique_lock guard(mutex);
  // An end of its own, so that a failed test leaves nothing behind for long.
  changed.wait_for(guard, std::chrono::seconds(120), [&] { return stop; });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> const words(argv + 1, argv + argc);
  std::string const first = words.empty() ? "" : words[0];
  if (first == "--version") return std::puts("agent-runnerd 9.9.9"), 0;
  if (first == "doctor") {
    std::puts(
        R"({"checks":[{"level":"error","subject":"tmux","finding":"tmux is missing","remedy":"apt install tmux"}]})");
    return 1;
  }
  if (first == "config") {
    std::string line;
    for (auto const& word : words) line += word + " ";
    if (line == "config show --json ") {
      std::puts(
          R"({"ok":true,"file":"F","settings":[{"key":"log.level","value":"debug","origin":"F:3","help":"how much"},)"
          R"({"key":"agents.max","value":5,"origin":"default","help":"how many","live":false}]})");
      return 0;
    }
    std::puts(line.c_str());
    return line.find("check") != std::string::npos ? 1 : 0;
  }
  std::filesystem::path state;
  int ready_fd = -1;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "--state-dir") state = words[i + 1];
    if (words[i] == "--ready-fd") ready_fd = std::atoi(words[i + 1].c_str());
  }
  if (ready_fd < 0) return std::puts("running in the foreground"), 7;
  return run_daemon(ready_fd, state);
}
