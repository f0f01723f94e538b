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
  /// `decision`: {decision, reason?, answer?, answers?, always?}; `where` it was made: cli or http. With `always` the
  /// answer has the rule that was made. Errors besides: cannot_be_a_rule, quota.
  virtual awaitable<Result<json>> decide(std::int64_t id, json decision, std::string where) = 0;

  virtual awaitable<Result<json>> approval_rules() = 0;  ///< {rules: [...]}
  /// The rule. Errors: no_such_agent, quota.
  virtual awaitable<Result<json>> add_approval_rule(json rule) = 0;
  /// {deleted}. Error: no_such_rule.
  virtual awaitable<Result<json>> remove_approval_rule(std::string id) = 0;
  /// {decision, rules, why, parts} for {agent, tool, input, cwd?}, of which nothing is done. Error: no_such_agent.
  virtual awaitable<Result<json>> test_approval_rules(json request) = 0;
};

}  // namespace ar::control
