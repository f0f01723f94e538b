// The accounts of the agents and what holds them (docs/limits.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <string>

namespace ar::control {

/// io thread only. Error of what is about one account: no_such_account.
class LimitsApi {
 public:
  virtual ~LimitsApi() = default;
  virtual awaitable<Result<json>> limits() = 0;  ///< {limits: [...]}, by name
  // Each returns the account as it is then, once that is on the disk.
  virtual awaitable<Result<json>> release_limit(std::string account) = 0;
  virtual awaitable<Result<json>> hold_limit(std::string account, std::string reason) = 0;
  virtual awaitable<Result<json>> forget_limit(std::string account) = 0;
};

}  // namespace ar::control
