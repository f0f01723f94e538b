// Webhooks: receivers outside that are told of events (docs/webhooks.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "model/page.hpp"
#include "model/principal.hpp"

#include <string>

namespace ar::control {

/// io thread only. An agent has its own webhooks, the operator reaches all. Errors: no_such_webhook where `who` has
/// none of that id.
class WebhooksApi {
 public:
  virtual ~WebhooksApi() = default;
  /// {url, events, agent?, secret?}: the webhook, with its secret. Errors: address_refused, not_your_agent,
  /// too_many_webhooks.
  virtual awaitable<Result<json>> add_webhook(Principal who, json request) = 0;
  virtual awaitable<Result<json>> webhooks(Principal who, Page page) = 0;  ///< {webhooks: [...], nextCursor?}
  virtual awaitable<Result<json>> webhook(Principal who, std::string id) = 0;
  virtual awaitable<Result<json>> remove_webhook(Principal who, std::string id) = 0;  ///< {removed}
  /// {deliveries: [...], nextCursor?}
  virtual awaitable<Result<json>> webhook_deliveries(Principal who, std::string id, Page page) = 0;
  /// Errors: no_such_delivery, delivery_waiting.
  virtual awaitable<Result<json>> redeliver(Principal who, std::string id, std::string delivery) = 0;  ///< {delivery}
};

}  // namespace ar::control
