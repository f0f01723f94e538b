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

/// What the kernel counts of this thread's time.
class ThreadTime {
 public:
  struct Spent {
    nanoseconds computing{0};  ///< on a processor; with what the machine's host took from it
    nanoseconds waiting{0};    ///< for a processor, while others had it
  };

  ThreadTime() : fd_(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}
  ~ThreadTime() {
    if (fd_ >= 0) ::close(fd_);
  }
  ThreadTime(ThreadTime const&) = delete;
  ThreadTime& operator=(ThreadTime const&) = delete;
  Spent spent() const {
    char text[128] = "";
    unsigned long long computing = 0, waiting = 0;
    if (fd_ < 0 || ::pread(fd_, text, sizeof text - 1, 0) <= 0 ||
        std::sscanf(text, "%llu %llu", &computing, &waiting) != 2)
      return {};
    return {nanoseconds(computing), nanoseconds(waiting)};
  }

 private:
  int const fd_;
};

double in_ms(microseconds time) { return static_cast<double>(time.count()) / 1000.0; }

}  // namespace

awaitable<void> LoopLag::watch() {
  ThreadTime const time;
  for (;;) {
    auto const before = time.spent();
    auto const due = Clock::now() + period_;
    bool const slept = co_await sleep_for(period_);
    if (!slept) co_return;
    auto const late = std::chrono::duration_cast<microseconds>(Clock::now() - due);
    note(std::max(late, microseconds(0)));
    auto const now = time.spent();
    auto const own = late - std::chrono::duration_cast<microseconds>(now.waiting - before.waiting);
    auto const computing = std::chrono::duration_cast<microseconds>(now.computing - before.computing);
    if (fault_.count() > 0 && own > fault_)
      spdlog::error("bug: the io thread stood still for {:.1f} ms, {:.1f} ms of it computing", in_ms(own),
                    in_ms(std::min(computing, own)));
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
