// How much memory programs use, with all that runs because of them: computed from one list of processes, which serves
// for a second, whoever asks for how many programs.
#pragma once
#include "base/clock.hpp"
#include "base/process/process_list.hpp"

namespace ar {

/// io thread only.
class ProcessMemory {
 public:
  /// Whether the list is young enough; else `take` wants a new one (all_processes, which reads all of /proc).
  bool is_fresh() const;
  void take(std::vector<ProcessEntry> processes);
  /// By that list: bytes that are resident, of a program with this process and this mark; see ProcessList. 0: nothing
  /// runs.
  std::int64_t of(pid_t root, ProcessMark mark);

 private:
  ProcessList seen_{};
  Clock::time_point seen_at_ = Clock::time_point::min();
};

}  // namespace ar
