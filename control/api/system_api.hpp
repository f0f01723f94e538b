// The daemon itself: what it is, how it is configured, how its bus is, its end. JSON out, for that is all the control
// server does with it.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <string>

namespace ar::control {

/// io thread only.
class SystemApi {
 public:
  virtual ~SystemApi() = default;
  virtual awaitable<Result<json>> info() = 0;
  /// The daemon's figures, in Prometheus' text format.
  virtual awaitable<Result<std::string>> metrics() = 0;
  virtual awaitable<Result<json>> configuration() = 0;
  /// Reads it again: {file, changed: [{key, before, value}], restart: [{key, inForce, value}]}. An error changes
  /// nothing.
  virtual awaitable<Result<json>> reload_configuration() = 0;
  virtual awaitable<Result<json>> bus() = 0;  ///< which bus, and how it is
  /// `stop_agents`: end them too. Answers before the daemon goes.
  virtual awaitable<Result<json>> shut_down(bool stop_agents) = 0;
};

}  // namespace ar::control
