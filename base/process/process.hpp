// A process that is not our child, by pidfd: an event when it ends, signals that cannot reach a reused pid.
#pragma once
#include "base/async.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <memory>
#include <sys/types.h>

namespace ar {

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

}  // namespace ar
