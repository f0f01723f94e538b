// A daemon of its own for a benchmark: temporary state directory, requests over its unix socket, ended at the end.
#pragma once
#include "base/json.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <signal.h>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

extern char** environ;

namespace ar::bench {

/// What its threads have run, seconds, by the scheduler's own count (nanoseconds; the ticks of /proc/PID/stat are 10
/// ms).
inline double cpu_seconds(pid_t pid) {
  double total = 0;
  for (auto const& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream in(thread.path() / "schedstat");
    double nanoseconds = 0;
    in >> nanoseconds;
    total += nanoseconds / 1e9;
  }
  return total;
}

class DaemonProcess {
 public:
  explicit DaemonProcess(std::filesystem::path const& bin_dir) : bin_dir_(bin_dir) {
    std::string pattern = "/tmp/ar-bench-XXXXXX";
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
    dir_ = pattern;
    start();
  }
  /// kill -9; returns when it has ended. The agents stay.
  void kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(std::exchange(socket_, -1));
  }
  /// Returns when it is ready.
  void start() {
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ready[1], 1);
    auto const program = (bin_dir_ / "agent-runnerd").string();
    std::vector<std::string> words{program, "--state-dir", dir_.string(), "--ready-fd", "1"};
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    if (posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv.data(), environ) != 0)
      throw std::runtime_error("cannot start " + program);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ready[1]);
    std::string said;
    char buffer[512];
    for (ssize_t n; (n = ::read(ready[0], buffer, sizeof buffer)) > 0;)
      said.append(buffer, static_cast<std::size_t>(n));
    ::close(ready[0]);
    if (said != "READY\n") throw std::runtime_error("the daemon did not start: " + said);
  }
  ~DaemonProcess() {
    try {
      request("POST", "/v1/shutdown", json{{"agents", true}});
      ::waitpid(pid_, nullptr, 0);
    } catch (std::exception const&) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    auto const kill_tmux = "tmux -S " + (dir_ / "run" / "tmux.sock").string() + " kill-server 2>/dev/null";
    (void)!std::system(kill_tmux.c_str());
    std::filesystem::remove_all(dir_);
  }
  DaemonProcess(DaemonProcess const&) = delete;
  DaemonProcess& operator=(DaemonProcess const&) = delete;

  pid_t pid() const { return pid_; }
  std::filesystem::path const& dir() const { return dir_; }

  json request(std::string const& method, std::string const& path, json const& body = nullptr) {
    char byte = 0;
    if (socket_ >= 0 && ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {  // closed meanwhile: it was idle
      ::close(socket_);
      socket_ = -1;
    }
    if (socket_ < 0) connect();
    auto const text = body.is_null() ? std::string() : body.dump();
    auto const head = method + " " + path +
                      " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
                      std::to_string(text.size()) + "\r\n\r\n" + text;
    if (::send(socket_, head.data(), head.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(head.size()))
      throw std::runtime_error("send failed");
    std::string answer;
    std::size_t body_at = std::string::npos, length = 0;
    char buffer[65536];
    while (body_at == std::string::npos || answer.size() < body_at + length) {
      auto const n = ::recv(socket_, buffer, sizeof buffer, 0);
      if (n <= 0) throw std::runtime_error("the daemon closed the connection");
      answer.append(buffer, static_cast<std::size_t>(n));
      if (body_at == std::string::npos && (body_at = answer.find("\r\n\r\n")) != std::string::npos) {
        body_at += 4;
        auto const field = answer.find("Content-Length: ");
        length = field == std::string::npos ? 0 : std::strtoul(answer.c_str() + field + 16, nullptr, 10);
      }
    }
    if (answer.compare(9, 1, "2") != 0) throw std::runtime_error(answer);
    return length == 0 ? json() : json::parse(answer.substr(body_at, length));
  }

  /// Spawns a `command` agent and waits until it is idle.
  void spawn(std::string const& name, std::vector<std::string> const& argv, json const& options) {
    request("POST", "/v1/agents",
            json{{"id", name}, {"provider", "command"}, {"cwd", "/tmp"}, {"providerArgs", argv}, {"options", options}});
    for (int i = 0; i < 1000; ++i) {
      if (request("GET", "/v1/agents/" + name).value("state", "") == "idle") return;
      ::usleep(10'000);
    }
    throw std::runtime_error("agent " + name + " did not become idle");
  }

 private:
  void connect() {
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    auto const path = (dir_ / "run" / "control.sock").string();
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect to " + path);
  }
  std::filesystem::path const bin_dir_;
  std::filesystem::path dir_;
  pid_t pid_ = -1;
  int socket_ = -1;
};

}  // namespace ar::bench
