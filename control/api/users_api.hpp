// Who has agents here: the operator, agents with children, and the tokens that other machines are known by.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "model/page.hpp"

namespace ar::control {

/// io thread only.
class UsersApi {
 public:
  virtual ~UsersApi() = default;
  virtual awaitable<Result<json>> users(Page page) = 0;  ///< {users: [...], nextCursor?}
};

}  // namespace ar::control
