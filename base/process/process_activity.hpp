// What a program, and everything that runs because of it, has done so far: processor time, what it read and wrote, and
// the bytes of its connections. Two of these, some time apart, tell whether it does anything.
#pragma once
#include "base/process/process_list.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string_view>
#include <sys/types.h>

namespace ar {

struct ProcessActivity {
  struct Process {
    std::uint64_t started = 0;   ///< in clock ticks since the machine's start
    std::uint64_t cpu = 0;       ///< in clock ticks
    std::uint64_t io_bytes = 0;  ///< read and written: files, pipes, terminals
  };
  std::uint64_t at = 0;                            ///< in clock ticks since the machine's start
  std::map<pid_t, Process> processes{};            ///< those that run; none: nothing is known
  std::map<std::uint64_t, std::uint64_t> bytes{};  ///< sent and received, by the inode of the TCP connection
  bool knows_network = false;                      ///< the kernel has told `bytes`
};

/// Of a program with this process and this mark; see ProcessList. Reads /proc.
ProcessActivity activity_of(pid_t root, ProcessMark mark);

/// What happened between two looks, for people; empty: nothing. `age`: how long the work has lasted that it is about.
/// What has been started for it counts with all that it does. `animates`: the program itself moves its screen while it
/// waits, so that of what ran before the work, or was started within 15 s of the program, only the network counts, and
/// processor time above a quarter of a core.
std::string_view sign_of_life(ProcessActivity const& before, ProcessActivity const& now, std::chrono::milliseconds age,
                              bool animates);

}  // namespace ar
