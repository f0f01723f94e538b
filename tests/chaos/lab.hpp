// The installation that chaos torments: the real programs in a state directory of their own. It knows the
// processes that may be killed, each by a handle that cannot come to mean another one.
#pragma once
#include "chaos/api.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace ar::chaos {

/// A process by its pidfd.
class Target {
 public:
  explicit Target(pid_t pid);
  ~Target();
  Target(Target&& other) noexcept : pid_(other.pid_), fd_(other.fd_) { other.fd_ = -1; }
  Target(Target const&) = delete;
  Target& operator=(Target const&) = delete;
  bool there() const { return fd_ >= 0; }
  pid_t pid() const { return pid_; }
  /// What it runs, to see that the pid had not been given away before the handle was opened.
  std::string command_line() const;
  void kill() const;
  /// False when it still runs after 10 s.
  bool wait_gone() const;

 private:
  pid_t pid_;
  int fd_;
};

struct Outcome {
  int status = -1;
  std::string out{};
};

class Lab {
 public:
  /// `small_disk`: bytes of a disk of its own for the state, 0: none. Call while the process has one thread.
  explicit Lab(std::size_t small_disk);
  /// Ends the daemon, its agents, and tmux; removes everything but what `keep` has saved.
  ~Lab();
  Lab(Lab const&) = delete;
  Lab& operator=(Lab const&) = delete;

  /// Empty, or why there is no small disk.
  std::string const& no_disk() const { return no_disk_; }
  std::filesystem::path state() const { return dir_ / "s"; }
  std::filesystem::path work() const { return dir_ / "w"; }
  Api const& api() const { return api_; }

  /// `agent-runner ARGUMENTS`, with its errors among its output.
  Outcome run(std::vector<std::string> arguments) const;
  std::optional<pid_t> daemon_pid() const;
  std::optional<pid_t> tmux_server_pid() const;
  std::optional<pid_t> tmux_client_pid() const;  ///< the daemon's
  /// Copies logs and databases beside the lab's folder, for a person to look at; returns where.
  std::filesystem::path keep() const;

 private:
  std::filesystem::path dir_;
  std::string no_disk_{};
  Api api_;
};

/// The processes that `pid` has started.
std::vector<pid_t> children_of(pid_t pid);
/// And what those have started, and so on.
std::vector<pid_t> descendants_of(pid_t pid);
Outcome run_program(std::vector<std::string> const& words, std::string const& home);

}  // namespace ar::chaos
