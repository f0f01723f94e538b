#include "base/process/process_memory.hpp"

#include <unistd.h>
#include <utility>

namespace ar {
using namespace std::chrono_literals;

bool ProcessMemory::is_fresh() const { return !seen_.empty() && Clock::now() - seen_at_ <= 1s; }

void ProcessMemory::take(std::vector<ProcessEntry> processes) {
  seen_ = ProcessList(std::move(processes));
  seen_at_ = Clock::now();
}

ProcessUse ProcessMemory::of(pid_t root, ProcessMark mark) {
  ProcessUse use;
  auto const page = ::sysconf(_SC_PAGESIZE), tick = 1'000'000 / ::sysconf(_SC_CLK_TCK);
  auto const add = [&](ProcessEntry const& one) {
    use.memory_bytes += one.pages * page;
    use.tasks += one.threads;
    use.cpu_usec += one.cpu_ticks * tick;
  };
  std::set<pid_t> known;
  if (auto const* const first = root > 0 ? seen_.find(root) : nullptr) {
    known.insert(root);
    add(*first);
  }
  for (auto const& member : seen_.members(known, root, mark)) add(member);
  return use;
}

}  // namespace ar
