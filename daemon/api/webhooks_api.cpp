#include "daemon/api/webhooks_api.hpp"

#include "base/http/webhook_signature.hpp"
#include "base/ids.hpp"
#include "daemon/config/config.hpp"
#include "daemon/outbox/target.hpp"
#include "daemon/store/removed.hpp"

#include <algorithm>

namespace ar::daemon {
namespace {

constexpr std::size_t kMostEvents = 50;

std::string owner_of(Principal const& who) {
  return who.kind == Principal::Kind::agent ? who.agent_id : std::string(kOperator);
}

bool is_owner(Principal const& who, Receiver const& receiver) {
  return who.kind != Principal::Kind::agent || receiver.owner == who.agent_id;
}

Result<std::vector<std::string>> read_events(json const& list) {
  std::vector<std::string> patterns;
  for (auto const& entry : list) {
    auto const pattern = entry.get<std::string>();
    if (!is_event_pattern(pattern))
      return invalid("events", "there is no event \"" + pattern.substr(0, 80) +
                                   "\" of which a webhook can be told; `agent-runner events --types` lists them, and "
                                   "turn.* stands for all that begin so");
    if (std::ranges::find(patterns, pattern) == patterns.end()) patterns.push_back(pattern);
  }
  if (patterns.empty() || patterns.size() > kMostEvents)
    return invalid("events", "events names 1 to 50 types of events, or [\"*\"] for all");
  return patterns;
}

json shown(OutboxTable::Attempt const& attempt) {
  return {{"time", to_iso8601(attempt.at)},
          {"status", attempt.status > 0 ? json(attempt.status) : json(nullptr)},
          {"ms", attempt.ms},
          {"error", attempt.error.empty() ? json(nullptr) : json(attempt.error)}};
}

}  // namespace

awaitable<Result<json>> WebhooksApi::add_webhook(Principal who, json request) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto events = read_events(request["events"]);
  if (!events) co_return events.error();
  Receiver receiver;
  receiver.owner = owner_of(who);
  receiver.url = text_at(request, "url");
  receiver.events = std::move(*events);
  receiver.agent = text_at(request, "agent");
  receiver.secret = text_at(request, "secret");
  if (!receiver.agent.empty() && !is_safe_name(receiver.agent))
    co_return invalid("agent", "agent must be an agent's name");
  if (who.kind == Principal::Kind::agent) {
    if (!receiver.agent.empty() && receiver.agent != who.agent_id)
      co_return Error{ErrorKind::forbidden, "not_your_agent", "an agent's webhook is told of that agent's events only",
                      "agent"};
    receiver.agent = who.agent_id;
  }
  if (receiver.secret.empty()) receiver.secret = http::new_webhook_secret();
  if (auto const problem = http::webhook_secret_problem(receiver.secret); !problem.empty())
    co_return invalid("secret", "secret " + problem + "; leave it out, and one is made");
  bool const near = services_.config.allows_private_addresses(receiver.owner);
  if (auto good = check_target(receiver.url, near); !good) co_return good.error();
  auto const added = co_await services_.outbox.add(std::move(receiver));
  if (!added) co_return added.error();
  auto answer = shown(*added);
  answer["secret"] = added->secret;
  co_return ok(std::move(answer));
}

awaitable<Result<json>> WebhooksApi::webhooks(Principal who, Page page) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  json answer = {{"webhooks", json::array()}};
  auto& list = answer["webhooks"];
  // In the order of their ids, which neither comings nor goings change.
  for (auto const* receiver : services_.outbox.webhooks()) {
    if (receiver->id <= page.after || !is_owner(who, *receiver)) continue;
    if (static_cast<int>(list.size()) == page.limit) {
      answer["nextCursor"] = list.back()["id"];
      break;
    }
    list.push_back(shown(*receiver));
  }
  co_return ok(std::move(answer));
}

awaitable<Result<json>> WebhooksApi::webhook(Principal who, std::string id) {
  auto const receiver = find(who, id);
  if (!receiver) co_return receiver.error();
  co_return ok(shown(**receiver));
}

awaitable<Result<json>> WebhooksApi::remove_webhook(Principal who, std::string id) {
  auto const receiver = find(who, id);
  if (!receiver) co_return receiver.error();
  auto const owner = (*receiver)->owner;
  // First: a daemon that ends in between has it removed once more.
  services_.removed.note(kWebhookNoun, id, owner == kOperator ? std::string() : owner);
  auto const removed = co_await services_.outbox.remove(id);
  if (!removed) co_return removed.error();
  if (auto const safe = co_await services_.journal.committed(); !safe) co_return safe.error();
  json answer = {{"removed", id}};
  co_return ok(std::move(answer));
}

awaitable<Result<json>> WebhooksApi::webhook_deliveries(Principal who, std::string id, Page page) {
  if (auto const receiver = find(who, id); !receiver) co_return receiver.error();
  auto query = [id, page](Database& db) -> Result<json> {
    OutboxTable const outbox(db);
    auto rows = outbox.page(id, page.cursor, page.limit + 1);
    json answer = {{"deliveries", json::array()}};
    bool const more = std::cmp_greater(rows.size(), page.limit);
    if (more) rows.pop_back();
    if (more) answer["nextCursor"] = rows.back().number;
    for (auto const& row : rows) {
      json attempts = json::array();
      for (auto const& attempt : outbox.attempts(row.number)) attempts.push_back(ar::daemon::shown(attempt));
      answer["deliveries"].push_back({{"id", row.id},
                                      {"type", row.type},
                                      {"event", row.event},
                                      {"status", row.state},
                                      {"createdAt", to_iso8601(row.created_at)},
                                      {"attempts", std::move(attempts)}});
    }
    return ok(std::move(answer));
  };
  co_return co_await services_.journal.read(std::move(query));
}

awaitable<Result<json>> WebhooksApi::redeliver(Principal who, std::string id, std::string delivery) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  if (auto const receiver = find(who, id); !receiver) co_return receiver.error();
  auto const asked = co_await services_.outbox.redeliver(id, delivery);
  if (!asked) co_return asked.error();
  json answer = {{"delivery", delivery}};
  co_return ok(std::move(answer));
}

/// Of another's webhooks an agent learns nothing.
Result<Receiver const*> WebhooksApi::find(Principal const& who, std::string const& id) const {
  auto const* const receiver = services_.outbox.webhook(id);
  if (receiver && is_owner(who, *receiver)) return receiver;
  auto const* const owner = receiver ? nullptr : services_.removed.owner_of(kWebhookNoun, id);
  if (owner && (who.kind != Principal::Kind::agent || *owner == who.agent_id))
    return *services_.removed.gone(kWebhookNoun, id);
  return not_found("no_such_webhook", "there is no webhook \"" + id + "\"; `agent-runner webhook list` lists them");
}

json WebhooksApi::shown(Receiver const& receiver) const {
  auto shown = to_public(receiver);
  shown["waiting"] = services_.outbox.waiting_for(receiver.id);
  return shown;
}

}  // namespace ar::daemon
