// Processes that are not our children, by pidfd: an event when one ends, signals that cannot reach a reused
// pid.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <sys/types.h>
#include <vector>

namespace ar::adapters {

class Process {
 public:
  /// A handle on a process that has ended already, or that could not be found, is one that has exited.
  Process(Executor executor, pid_t pid);

  pid_t pid() const { return pid_; }
  bool exited() const;
  /// Until it has exited (true) or the deadline passed (false). It may still be a zombie then.
  awaitable<bool> wait(Clock::time_point deadline = Clock::time_point::max());
  void signal(int number) const;

 private:
  pid_t pid_;
  std::shared_ptr<net::posix::stream_descriptor> fd_;
};

/// The process that listens at a Unix socket. 0: nobody does, as far as we see. -1: one that does not let us ask.
pid_t listener_at(std::filesystem::path const& socket);

/// Whether the process is known to run another file than this one; an update may have replaced its own. False for one
/// that is just ending.
bool runs_another(pid_t pid, std::filesystem::path const& program);

/// Whether the process was started with `variable` ("K=V") in its environment. False for those of others.
bool was_started_with(pid_t pid, std::string const& variable);

/// A program and everything that runs because of it: its descendants, the members of the process session that it leads
/// or led, and orphans that have its mark in their environment. This process itself is never part of it.
class ProcessTree {
 public:
  /// `ended`: the root has, and only what it left behind is looked for. `mark`: "K=V"; empty: there is none.
  ProcessTree(Executor executor, pid_t root, bool ended, std::string mark = {});
  /// Asks all of them to end (SIGHUP, as when a terminal closes), and after `grace` kills what is left, children
  /// included that are being started meanwhile.
  awaitable<void> end(Clock::duration grace);

 private:
  bool grow();
  void find_adopters(std::map<pid_t, pid_t> const& parents);
  bool is_marked_orphan(pid_t pid, pid_t parent);
  awaitable<void> wait_for_all(Clock::time_point deadline);
  Executor executor_;
  pid_t root_;
  std::string mark_;
  std::set<pid_t> adopters_{1};     ///< the parents that orphans may have
  std::set<pid_t> unmarked_{};      ///< orphans that were looked at
  std::vector<Process> members_{};  ///< the root first, unless it has ended
};

}  // namespace ar::adapters
