// By what agents' processes can be kept together and limited on this machine.
#pragma once
#include "base/async.hpp"

#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

namespace ar::daemon {

struct ResourceControl {
  enum class By { scope, cgroup, rlimits };
  By by = By::rlimits;
  std::string why{};                       ///< for people: why this one, and not one before it
  std::filesystem::path parent{};          ///< the group in which agents get theirs
  std::vector<std::string> controllers{};  ///< what can be limited there: memory, pids, cpu
  // Of scopes:
  std::filesystem::path systemd_run{};
  bool has_oom_policy = false;  ///< this systemd ends a whole scope after an out-of-memory kill, unless told not to

  bool can(std::string_view controller) const;
};
std::string_view to_string(ResourceControl::By by);

/// The best that works for agents of the daemon with this process: a scope of the user's systemd, else a control group
/// that is its own to divide, else limits of single processes. `is_service`: it is a service of that systemd. Starts a
/// scope to see whether that works; takes at most some seconds.
awaitable<ResourceControl> find_resource_control(Executor executor, pid_t daemon, bool is_service);

/// The group of a daemon among the agents' own, when it divides its control group.
inline constexpr char kDaemonGroup[] = "agent-runner.daemon";

}  // namespace ar::daemon
