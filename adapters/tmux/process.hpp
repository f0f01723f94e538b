// Processes that are not our children, by pidfd: an event when one ends, signals that cannot reach a reused
// pid.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <memory>
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

/// What runs because of `root`, itself included: its descendants, and the members of the process session it
/// leads.
std::vector<Process> process_tree(Executor executor, pid_t root);
/// What outlived `root`, which has ended: the members of the process session it led. Its pid cannot have been
/// given away while there are any, so if a living process has it, there are none.
std::vector<Process> left_by(Executor executor, pid_t root);

}  // namespace ar::adapters
