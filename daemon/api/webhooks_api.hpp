// Webhooks of the outbox: who may have which, and what is shown of them.
#pragma once
#include "control/api/webhooks_api.hpp"
#include "daemon/api/access.hpp"
#include "daemon/outbox/outbox.hpp"
#include "daemon/services.hpp"

#include <string>

namespace ar::daemon {

class WebhooksApi final : public control::WebhooksApi {
 public:
  WebhooksApi(Services& services, Access const& access) : services_(services), access_(access) {}

  awaitable<Result<json>> add_webhook(Principal who, json request) override;
  awaitable<Result<json>> webhooks(Principal who, Page page) override;
  awaitable<Result<json>> webhook(Principal who, std::string id) override;
  awaitable<Result<json>> remove_webhook(Principal who, std::string id) override;
  awaitable<Result<json>> webhook_deliveries(Principal who, std::string id, Page page) override;
  awaitable<Result<json>> redeliver(Principal who, std::string id, std::string delivery) override;

 private:
  Result<Receiver const*> find(Principal const& who, std::string const& id) const;
  json shown(Receiver const& receiver) const;

  Services& services_;
  Access const& access_;
};

}  // namespace ar::daemon
