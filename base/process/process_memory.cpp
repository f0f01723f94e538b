#include "base/process/process_memory.hpp"

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace ar {
using namespace std::chrono_literals;

bool ProcessMemory::is_fresh() const { return !seen_.empty() && Clock::now() - seen_at_ <= 1s; }

void ProcessMemory::take(std::vector<ProcessEntry> processes) {
  seen_ = std::move(processes);
  seen_at_ = Clock::now();
}

std::int64_t ProcessMemory::of(pid_t root, ProcessMark mark) {
  std::int64_t pages = 0;
  std::set<pid_t> known;
  if (auto const first = std::ranges::find(seen_, root, &ProcessEntry::pid); root > 0 && first != seen_.end()) {
    known.insert(root);
    pages += first->pages;
  }
  for (auto const& member : members_among(seen_, known, root, mark)) pages += member.pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

}  // namespace ar
