// A control group for each process of an agent: made with its start, limited, watched, and ended with all that is in
// it. Where there can be none, limits of single processes.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/worker.hpp"
#include "daemon/resources/group_watch.hpp"
#include "daemon/resources/placement.hpp"
#include "daemon/resources/resource_control.hpp"
#include "model/resource_limits.hpp"
#include "terminal/terminal.hpp"

#include <filesystem>
#include <string>

namespace ar::daemon {

/// io thread only. Until open() there are no groups.
class AgentGroups {
 public:
  /// `installation`: what tells this daemon's groups from others'.
  AgentGroups(Executor executor, std::string installation);

  /// Finds out what works here. Before the terminals' server is started: that, too, moves out of what is divided.
  awaitable<void> open(bool is_service);
  ResourceControl const& control() const { return control_; }
  GroupWatch& watch() { return watch_; }

  struct Prepared {
    Placement placement{};
    terminal::Confinement confinement{};
  };
  /// For one start of an agent; `start` is its name, unlike all others'. Only what is set and not 0 is a limit.
  awaitable<Prepared> prepare(std::string agent, std::string start, ResourceLimits limits);
  /// Returns once the process is in its group: true. False: it has ended, or has not come there in time, and a scope
  /// is not taken for granted any more.
  awaitable<bool> placed(pid_t pid, std::filesystem::path group);
  /// Ends all that is in it.
  awaitable<Result<void>> end(std::filesystem::path group);

 private:
  Executor executor_;
  std::string const installation_;
  bool is_service_ = false;
  bool doubtful_ = false;  ///< a scope could not be had: it is tried again before the next one
  ResourceControl control_{};
  GroupWatch watch_;
  Worker worker_;
};

}  // namespace ar::daemon
