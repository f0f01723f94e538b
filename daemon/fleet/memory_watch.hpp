// Says when memory gets tight: by the kernel's own pressure signal (PSI), or because the agents use more than a
// configured limit.
#pragma once
#include "base/async.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace ar::daemon {

/// io thread only.
class MemoryWatch {
 public:
  /// `limit`: bytes that `used` may report, now; 0: none. `pressure`: the machine counts as well. A kernel without PSI,
  /// or one that does not let us ask, is fine: then only the limit counts.
  MemoryWatch(Executor executor, bool pressure, std::function<std::int64_t()> limit,
              std::function<awaitable<std::int64_t>()> used);
  /// Returns why, for people. With neither a signal nor a limit it returns only when cancelled.
  awaitable<std::string> tight();

 private:
  awaitable<bool> pressed(Clock::time_point deadline);

  std::function<std::int64_t()> const limit_;
  std::function<awaitable<std::int64_t>()> const used_;
  std::shared_ptr<net::posix::stream_descriptor> kernel_{};  ///< null: no signal to be had
};

}  // namespace ar::daemon
