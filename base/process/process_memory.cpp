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

std::int64_t ProcessMemory::of(pid_t root, ProcessMark mark) {
  std::int64_t pages = 0;
  std::set<pid_t> known;
  if (auto const* const first = root > 0 ? seen_.find(root) : nullptr) {
    known.insert(root);
    pages += first->pages;
  }
  for (auto const& member : seen_.members(known, root, mark)) pages += member.pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

}  // namespace ar
