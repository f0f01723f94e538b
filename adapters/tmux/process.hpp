// Processes that are not our children, by pidfd: an event when one ends, signals that cannot reach a reused
// pid.
#pragma once
#include "adapters/terminal.hpp"
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/worker.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <filesystem>
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

/// When the process was started, in the kernel's ticks since boot: with its number, it is no other one. 0: there is none.
std::uint64_t start_time_of(pid_t pid);

/// Whether the process is known to run another file than this one; an update may have replaced its own. False for one
/// that is just ending.
bool runs_another(pid_t pid, std::filesystem::path const& program);

/// Whether the process was started with `variable` ("K=V") in its environment. False for those of others.
bool was_started_with(pid_t pid, std::string const& variable);

/// One line of the kernel's list of processes.
struct Seen {
  pid_t pid = 0, parent = 0, session = 0;
  std::uint64_t started = 0;  ///< with the pid, the name of one process only
  std::int64_t pages = 0;     ///< resident
  char state = 0;             ///< 'Z': it has ended; 0: there is none
  ProcessMark mark = 0;
};
/// All that run or have just ended. Reads /proc.
std::vector<Seen> all_processes();
/// Of those that run, what belongs to a program with this process and this mark (0: not known), beside `known`, which
/// are its own and run: their descendants, the members of the process session that it leads or led, whatever has its
/// mark. This process itself never does.
std::vector<Seen> members_among(std::vector<Seen> const& running, std::set<pid_t> const& known, pid_t root,
                                ProcessMark mark);

/// A program and everything that runs because of it: see members_among.
///
/// The mark is the soft limit RLIMIT_LOCKS, which Linux hands on and has not enforced since 2.4: a new parent, session,
/// name, program or environment does not take it off. What does: setting that limit, and having the work done by a
/// process that is none of ours (systemd-run, cron, a container's daemon).
class ProcessTree {
 public:
  /// `root` 0: not known. `ended`: the root has, and only what it left behind is looked for. The worker reads /proc.
  ProcessTree(Executor executor, Worker& worker, pid_t root, bool ended, ProcessMark mark);
  /// Asks all of them to end (SIGHUP, as when a terminal closes), and after `grace` kills what is left, children
  /// included that are being started meanwhile.
  awaitable<void> end(Clock::duration grace);

 private:
  awaitable<bool> grow();
  awaitable<void> wait_for_all(Clock::time_point deadline);
  Executor executor_;
  Worker& worker_;
  pid_t root_;
  ProcessMark mark_;
  std::vector<Process> members_{};  ///< the root first, unless it has ended
};

/// This process, and what it starts from here on, is nobody's: an agent may have started it.
void take_mark_off();

}  // namespace ar::adapters
