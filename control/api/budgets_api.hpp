// What was used, and the budgets of the configuration (docs/budgets.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <string>

namespace ar::control {

/// io thread only.
class BudgetsApi {
 public:
  virtual ~BudgetsApi() = default;
  /// `by`: agent, day or account. `since`: a day, empty: all that is kept. {by, since, usage: [...]}.
  virtual awaitable<Result<json>> usage(std::string by, std::string since) = 0;
  virtual awaitable<Result<json>> budgets() = 0;  ///< {budgets: [...]}, as the configuration has them
  /// `amount`: {usd?} or {tokens?}; neither: its own once more. Returns the budget. Error: no_such_budget.
  virtual awaitable<Result<json>> raise_budget(std::string name, json amount) = 0;
};

}  // namespace ar::control
