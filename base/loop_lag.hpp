// How late the io thread is: what is due is done by one thread, and whatever blocks it makes everything late.
#pragma once
#include "base/async.hpp"
#include "base/json.hpp"

#include <chrono>
#include <cstddef>
#include <vector>

namespace ar {

/// io thread only.
class LoopLag {
 public:
  /// A look each `period`. Later than `fault`, for another reason than that others had the processor, is logged as a
  /// fault of ours; zero: never.
  LoopLag(milliseconds period, milliseconds fault) : period_(period), fault_(fault) {}

  /// For as long as the daemon runs.
  awaitable<void> watch();
  /// {p50Ms, p99Ms, maxMs, looks} of the newest looks.
  json shown() const;

 private:
  static constexpr std::size_t kKept = 4096;
  void note(std::chrono::microseconds late);

  milliseconds const period_;
  milliseconds const fault_;
  std::vector<std::chrono::microseconds> newest_{};  ///< a ring once it is full
  std::size_t looks_ = 0;
};

}  // namespace ar
