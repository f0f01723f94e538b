// Webhooks: who outside is told of events, and how that went.
#include "control/api/webhooks_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

awaitable<Result<Response>> add(Call& call) {
  auto request = call.object();
  if (!request) co_return request.error();
  auto const added = co_await call.api.webhooks.add_webhook(call.who, std::move(*request));
  if (!added) co_return added.error();
  auto response = json_response(*added, 201);
  response.headers.push_back({"Location", "/v1/webhooks/" + (*added)["id"].get<std::string>()});
  co_return response;
}

awaitable<Result<Response>> list(Call& call) {
  auto page = call.page_of_names();
  if (!page) co_return page.error();
  co_return respond(co_await call.api.webhooks.webhooks(call.who, std::move(*page)));
}

awaitable<Result<Response>> show(Call& call) {
  co_return respond(co_await call.api.webhooks.webhook(call.who, call.name("webhook")));
}

awaitable<Result<Response>> remove(Call& call) {
  co_return respond(co_await call.api.webhooks.remove_webhook(call.who, call.name("webhook")));
}

awaitable<Result<Response>> deliveries(Call& call) {
  co_return respond(co_await call.api.webhooks.webhook_deliveries(call.who, call.name("webhook"), call.page()));
}

awaitable<Result<Response>> redeliver(Call& call) {
  auto const request = call.object();
  if (!request) co_return request.error();
  co_return respond(co_await call.api.webhooks.redeliver(call.who, call.name("webhook"), call.name("delivery")), 202);
}

constexpr Field list_query[] = {kLimit, kNameCursor};
constexpr Field deliveries_query[] = {kLimit, kCursor};

constexpr Route rows[] = {
    {.method = "POST",
     .pattern = "/v1/webhooks",
     .name = "addWebhook",
     .summary = "have a receiver told of events",
     .handler = add,
     .right = Right::agent,
     .body = Body::json,
     .secret = "secret",
     .request = &kNewWebhook,
     .answer = &kAddedWebhook,
     .statuses = "201 200",
     .errors = "address_refused not_your_agent no_such_agent too_many_webhooks",
     .answers = "the webhook, with its `secret`, which is shown only here ([webhooks.md](webhooks.md)); `Location`. An "
                "agent's token: for events about that agent. 200: repeated, with a `secret` that is null"},
    {.method = "GET",
     .pattern = "/v1/webhooks",
     .name = "listWebhooks",
     .summary = "list the webhooks",
     .handler = list,
     .right = Right::agent,
     .query = list_query,
     .answer = &kWebhookList,
     .answers = "`{webhooks: [...], nextCursor?}`; an agent's token: its own"},
    {.method = "GET",
     .pattern = "/v1/webhooks/{webhook}",
     .name = "showWebhook",
     .summary = "one webhook",
     .handler = show,
     .right = Right::agent,
     .answer = &kWebhook,
     .errors = "no_such_webhook gone",
     .answers = "`{id, url, events, agent, owner, createdAt, state, waiting, failures, failingSince, nextAttemptAt}`"},
    {.method = "DELETE",
     .pattern = "/v1/webhooks/{webhook}",
     .name = "removeWebhook",
     .summary = "remove a webhook, and what it has not been told",
     .handler = remove,
     .right = Right::agent,
     .answer = &kWebhookRemoved,
     .errors = "no_such_webhook gone",
     .answers = "`{removed}`"},
    {.method = "GET",
     .pattern = "/v1/webhooks/{webhook}/deliveries",
     .name = "listDeliveriesOfWebhook",
     .summary = "what it was told, or is to be, newest first",
     .handler = deliveries,
     .right = Right::agent,
     .query = deliveries_query,
     .answer = &kWebhookDeliveryList,
     .errors = "no_such_webhook gone",
     .answers = "`{deliveries: [{id, type, event, status, createdAt, attempts: [{time, status, ms, error}]}], "
                "nextCursor?}`"},
    {.method = "POST",
     .pattern = "/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver",
     .name = "redeliver",
     .summary = "tell it once more",
     .handler = redeliver,
     .right = Right::agent,
     .body = Body::json,
     .request = &kNothing,
     .answer = &kRedelivered,
     .rate = &Limits::redeliveries,
     .statuses = "202",
     .errors = "no_such_webhook gone no_such_delivery delivery_waiting",
     .answers = "`{delivery}`, which waits now, behind what waits already"},
};

}  // namespace

std::span<Route const> webhook_routes() { return rows; }

}  // namespace ar::control
