// Whether something uses up its share of the processors wholly, for minutes.
#pragma once
#include "base/clock.hpp"

#include <cstdint>
#include <optional>

namespace ar::daemon {

class CpuRunaway {
 public:
  static constexpr auto kAfter = std::chrono::minutes(3);

  /// By the kernel's counts: the periods in which it ran, and those in which the share was used up. True once, when
  /// that has gone on for kAfter; and again when it begins anew.
  bool look(Clock::time_point now, std::int64_t periods, std::int64_t throttled);

 private:
  std::int64_t periods_ = 0, throttled_ = 0;
  bool known_ = false;                        ///< these are of an earlier look
  std::optional<Clock::time_point> since_{};  ///< it has been so at each look
  bool told_ = false;
};

}  // namespace ar::daemon
