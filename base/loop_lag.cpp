#include "base/loop_lag.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace ar {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

/// How long this thread has waited for a processor, by the kernel's account.
class ProcessorWait {
 public:
  ProcessorWait() : fd_(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}
  ~ProcessorWait() {
    if (fd_ >= 0) ::close(fd_);
  }
  ProcessorWait(ProcessorWait const&) = delete;
  ProcessorWait& operator=(ProcessorWait const&) = delete;
  nanoseconds total() const {
    char text[128] = "";
    unsigned long long ran = 0, waited = 0;
    if (fd_ < 0 || ::pread(fd_, text, sizeof text - 1, 0) <= 0 || std::sscanf(text, "%llu %llu", &ran, &waited) != 2)
      return nanoseconds(0);
    return nanoseconds(waited);
  }

 private:
  int const fd_;
};

double in_ms(microseconds time) { return static_cast<double>(time.count()) / 1000.0; }

}  // namespace

awaitable<void> LoopLag::watch() {
  ProcessorWait const wait;
  for (;;) {
    auto const waited_before = wait.total();
    auto const due = Clock::now() + period_;
    bool const slept = co_await sleep_for(period_);
    if (!slept) co_return;
    auto const late = std::chrono::duration_cast<microseconds>(Clock::now() - due);
    note(std::max(late, microseconds(0)));
    auto const own = late - std::chrono::duration_cast<microseconds>(wait.total() - waited_before);
    if (fault_.count() > 0 && own > fault_) spdlog::error("bug: the io thread stood still for {:.1f} ms", in_ms(own));
  }
}

void LoopLag::note(microseconds late) {
  if (newest_.size() < kKept)
    newest_.push_back(late);
  else
    newest_[looks_ % kKept] = late;
  ++looks_;
}

json LoopLag::shown() const {
  auto sorted = newest_;
  std::ranges::sort(sorted);
  auto const at = [&](double part) {
    if (sorted.empty()) return 0.0;
    return in_ms(
        sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(part * static_cast<double>(sorted.size())))]);
  };
  return {{"p50Ms", at(0.5)}, {"p99Ms", at(0.99)}, {"maxMs", at(1)}, {"looks", sorted.size()}};
}

}  // namespace ar
