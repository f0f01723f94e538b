// The control server's questions about the agents' accounts.
#pragma once
#include "control/api/limits_api.hpp"
#include "daemon/limits/accounts.hpp"

#include <string>
#include <utility>

namespace ar::daemon {

class LimitsApi final : public control::LimitsApi {
 public:
  explicit LimitsApi(Accounts& accounts) : accounts_(accounts) {}

  awaitable<Result<json>> limits() override { co_return ok(accounts_.list()); }
  awaitable<Result<json>> release_limit(std::string account) override { return accounts_.release(std::move(account)); }
  awaitable<Result<json>> hold_limit(std::string account, std::string reason) override {
    constexpr std::size_t kMostReason = 256;
    if (reason.size() > kMostReason) co_return invalid("reason", "reason has more than 256 bytes");
    co_return co_await accounts_.hold(std::move(account), std::move(reason));
  }
  awaitable<Result<json>> forget_limit(std::string account) override { return accounts_.forget(std::move(account)); }

 private:
  Accounts& accounts_;
};

}  // namespace ar::daemon
