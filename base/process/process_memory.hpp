// How much memory and time programs use, with all that runs because of them: computed from one list of processes, which
// serves for a second, whoever asks for how many programs.
#pragma once
#include "base/clock.hpp"
#include "base/process/process_list.hpp"

namespace ar {

/// All 0: nothing runs, or nobody has looked.
struct ProcessUse {
  std::int64_t memory_bytes = 0;  ///< resident
  std::int64_t tasks = 0;         ///< processes and threads
  std::int64_t cpu_usec = 0;      ///< of those that run, and of the children that these have waited for
};

/// io thread only.
class ProcessMemory {
 public:
  /// Whether the list is young enough; else `take` wants a new one (all_processes, which reads all of /proc).
  bool is_fresh() const;
  void take(std::vector<ProcessEntry> processes);
  /// By that list, of a program with this process and this mark; see ProcessList.
  ProcessUse of(pid_t root, ProcessMark mark);

 private:
  ProcessList seen_{};
  Clock::time_point seen_at_ = Clock::time_point::min();
};

}  // namespace ar
