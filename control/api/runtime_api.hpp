// The runtime: all agents' work together, which can be paused, and its return after a cold start.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <cstdint>

namespace ar::control {

/// io thread only.
class RuntimeApi {
 public:
  virtual ~RuntimeApi() = default;
  virtual awaitable<Result<json>> runtime() = 0;  ///< {state, since, reason?, pausedRuns}
  /// `request`: {timeoutMs?, force?, reason?}. Returns the pause's number; from then on nothing new is handed over.
  virtual awaitable<Result<std::int64_t>> pause(json request) = 0;
  /// Until its grace is over: {state, parked, running, ms}.
  virtual awaitable<Result<json>> wait_paused(std::int64_t pause) = 0;
  virtual awaitable<Result<json>> resume() = 0;    ///< as runtime()
  virtual awaitable<Result<json>> recovery() = 0;  ///< the newest report. Error: no_recovery
};

}  // namespace ar::control
