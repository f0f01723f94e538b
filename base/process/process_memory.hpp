// How much memory programs use, with all that runs because of them. The list of processes is read at most once a second,
// whoever asks for how many programs.
#pragma once
#include "base/clock.hpp"
#include "base/process/process_list.hpp"

namespace ar {

/// io thread only.
class ProcessMemory {
 public:
  /// Bytes that are resident, of a program with this process and this mark; see members_among. 0: nothing runs.
  std::int64_t of(pid_t root, ProcessMark mark);

 private:
  std::vector<ProcessEntry> seen_{};
  Clock::time_point seen_at_ = Clock::time_point::min();
};

}  // namespace ar
