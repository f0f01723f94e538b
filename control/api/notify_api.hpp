// Who is notified of what needs people (docs/notifications.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <string>

namespace ar::control {

/// io thread only.
class NotifyApi {
 public:
  virtual ~NotifyApi() = default;
  virtual awaitable<Result<json>> notify_rules() = 0;  ///< {notify: [...]}, as the configuration has them
  /// Sends one now: {name, sent, error}. Error: no_such_notify_rule.
  virtual awaitable<Result<json>> test_notify(std::string name) = 0;
};

}  // namespace ar::control
