// The control server's questions about notifications.
#pragma once
#include "control/api/notify_api.hpp"
#include "daemon/notify/notifications.hpp"

#include <string>
#include <utility>

namespace ar::daemon {

class NotifyApi final : public control::NotifyApi {
 public:
  explicit NotifyApi(Notifications& notifications) : notifications_(notifications) {}

  awaitable<Result<json>> notify_rules() override { co_return ok(notifications_.list()); }
  awaitable<Result<json>> test_notify(std::string name) override { return notifications_.test(std::move(name)); }

 private:
  Notifications& notifications_;
};

}  // namespace ar::daemon
