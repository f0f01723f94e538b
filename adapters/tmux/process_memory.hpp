// How much memory programs use, with all that runs because of them. The list of processes is read at most once a second,
// whoever asks for how many programs.
#pragma once
#include "adapters/tmux/process.hpp"

namespace ar::adapters {

/// io thread only.
class ProcessMemory {
 public:
  /// Bytes that are resident, of a program with this process and this mark; see ProcessTree. 0: nothing runs.
  std::int64_t of(pid_t root, ProcessMark mark);

 private:
  std::vector<Seen> seen_{};
  Clock::time_point seen_at_ = Clock::time_point::min();
};

}  // namespace ar::adapters
