// What providers ask of people, and who answers.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "model/page.hpp"

#include <cstdint>
#include <string>

namespace ar::control {

/// io thread only.
class ApprovalsApi {
 public:
  virtual ~ApprovalsApi() = default;
  virtual awaitable<Result<json>> approvals(Page page) = 0;  ///< {approvals: [...], nextCursor?}
  virtual awaitable<Result<json>> approval(std::int64_t id) = 0;
  /// `decision`: {decision, reason?, answer?, answers?}; `where` it was made: cli or http.
  virtual awaitable<Result<json>> decide(std::int64_t id, json decision, std::string where) = 0;
};

}  // namespace ar::control
