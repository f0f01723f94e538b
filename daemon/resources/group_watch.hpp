// Hears from the kernel when an agent's control group reaches a limit (inotify on its files), and looks now and then at
// what the kernel does not tell of by itself.
#pragma once
#include "base/async.hpp"
#include "base/json.hpp"
#include "base/process/control_group.hpp"
#include "base/worker.hpp"
#include "daemon/resources/cpu_runaway.hpp"
#include "daemon/resources/placement.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// io thread only. Outlives whoever has a group watched.
class GroupWatch {
 public:
  /// An event of that type, about the agent. The placement's counts say what has been told of with it.
  using Tell = std::function<void(std::string type, json data, Placement const& placement)>;

  explicit GroupWatch(Executor executor);
  void start(TaskGroup::OnDeath on_death);
  awaitable<void> stop();

  /// `main`: its program's process. The group is there.
  void watch(Placement placement, pid_t main, Tell tell);
  void forget(std::filesystem::path const& group);
  /// Its main process has ended: tells of what was not told of yet.
  awaitable<void> look_once_more(std::filesystem::path group);

  /// For use_of(), which knows nothing a second later. Reads on a thread.
  awaitable<void> look_at_use();
  std::optional<GroupUse> use_of(std::filesystem::path const& group) const;

 private:
  struct Watched {
    Placement placement;
    pid_t main;
    Tell tell;
    std::vector<int> numbers;  ///< inotify's, of its files; none: it hears nothing
    bool changed = true, forgotten = false;
    bool main_killed = false;            ///< that has been told
    std::vector<GroupMember> members{};  ///< at the last look; only where memory is limited
    CpuRunaway cpu{};
    std::optional<Clock::time_point> refusals_told{};
  };
  struct Look;

  awaitable<void> run();
  awaitable<void> wait(Clock::time_point deadline);
  void read_changes();
  awaitable<void> look(std::shared_ptr<Watched> one, bool at_cpu);
  void tell_of(Watched& one, Look look, bool at_cpu);

  Executor executor_;
  net::posix::stream_descriptor changes_;  ///< closed: this system has no more inotify instances
  Worker worker_;
  std::map<std::filesystem::path, std::shared_ptr<Watched>> watched_{};
  std::map<std::filesystem::path, GroupUse> used_{};
  Clock::time_point used_at_ = Clock::time_point::min();
  TaskGroup tasks_;
};

}  // namespace ar::daemon
