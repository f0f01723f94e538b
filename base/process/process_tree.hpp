// A program and everything that runs because of it: the descendants of its process, the members of the process session
// that it leads or led, whatever has its mark (ProcessList).
#pragma once
#include "base/process/process.hpp"
#include "base/process/process_list.hpp"
#include "base/worker.hpp"

#include <vector>

namespace ar {

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

}  // namespace ar
