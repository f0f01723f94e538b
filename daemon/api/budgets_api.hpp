// The control server's questions about what was used, and about budgets.
#pragma once
#include "control/api/budgets_api.hpp"
#include "daemon/limits/budgets.hpp"

#include <string>
#include <utility>

namespace ar::daemon {

class BudgetsApi final : public control::BudgetsApi {
 public:
  explicit BudgetsApi(Budgets& budgets) : budgets_(budgets) {}

  awaitable<Result<json>> usage(std::string by, std::string since) override {
    return budgets_.usage(std::move(by), std::move(since));
  }
  awaitable<Result<json>> budgets() override { co_return ok(budgets_.list()); }
  awaitable<Result<json>> raise_budget(std::string name, json amount) override {
    return budgets_.raise(std::move(name), std::move(amount));
  }

 private:
  Budgets& budgets_;
};

}  // namespace ar::daemon
