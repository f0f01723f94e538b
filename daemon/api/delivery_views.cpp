#include "daemon/api/delivery_views.hpp"

#include "daemon/store/journal_row.hpp"
#include "daemon/store/known_store.hpp"
#include "daemon/store/tables/delivery_table.hpp"

#include <algorithm>
#include <iterator>

namespace ar::daemon {

awaitable<Result<std::map<std::int64_t, DeliveryViews::Deliveries>>> DeliveryViews::find(
    std::vector<std::int64_t> messages) {
  using Rows = std::vector<DeliveryTable::Row>;
  auto query = [messages, store = services_.store.id()](Database& db) -> Result<Rows> {
    Rows found;
    for (auto const id : messages)
      std::ranges::move(DeliveryTable(db).of_message(id, store), std::back_inserter(found));
    return found;
  };
  auto rows = co_await services_.journal.read(std::move(query));
  if (!rows) co_return rows.error();
  std::map<std::int64_t, Deliveries> found;
  for (auto const& row : *rows) {
    auto const whose = "message " + std::to_string(row.message) + " at agent " + row.agent;
    if (auto delivery = read_row(row.record, whose, delivery_from_journal))
      found[row.message].insert_or_assign(row.agent, std::move(*delivery));
  }
  // What is in memory is newer than the journal, and holds what only waits and is not in the journal yet.
  for (auto const& [name, agent] : supervisor_.agents())
    for (auto const id : agent->queue().store().is_known() ? messages : std::vector<std::int64_t>())
      if (auto const it = agent->queue().open().find(id); it != agent->queue().open().end())
        found[id].insert_or_assign(name, it->second);
  // Work that one agent has is none for the others; they find out when they try to claim it.
  auto const waits = [](auto const& entry) { return entry.second.state == DeliveryState::queued; };
  for (auto& [id, deliveries] : found) {
    bool const taken =
        std::ranges::any_of(deliveries, [&](auto const& entry) { return entry.second.claimable && !waits(entry); });
    if (taken) std::erase_if(deliveries, waits);
  }
  co_return found;
}

awaitable<Result<std::vector<json>>> DeliveryViews::deliveries_of(std::int64_t message) {
  std::vector<std::int64_t> ids{message};
  auto found = co_await deliveries_of(std::move(ids));
  if (!found) co_return found.error();
  co_return std::move((*found)[message]);
}

awaitable<Result<std::map<std::int64_t, std::vector<json>>>> DeliveryViews::deliveries_of(
    std::vector<std::int64_t> messages) {
  auto const found = co_await find(std::move(messages));
  if (!found) co_return found.error();
  std::map<std::int64_t, std::vector<json>> shown;
  for (auto const& [id, deliveries] : *found)
    for (auto const& [agent, delivery] : deliveries) shown[id].push_back(to_json(delivery, agent));
  co_return shown;
}

awaitable<std::string> DeliveryViews::of_stores_before(std::int64_t id) {
  auto query = [id, store = services_.store.id()](Database& db) -> Result<std::vector<DeliveryTable::Row>> {
    return DeliveryTable(db).of_message_elsewhere(id, store);
  };
  auto const rows = co_await services_.journal.read(std::move(query));
  std::string text;
  if (!rows) co_return text;
  for (auto const& row : *rows)
    if (auto const d =
            read_row(row.record, "message " + std::to_string(id) + " at agent " + row.agent, delivery_from_journal))
      text += "; a message of that number on a bus before, from " + d->from + ", ended " +
              std::string(to_string(d->state)) + " at agent " + row.agent +
              (d->state == DeliveryState::failed ? ": " + d->reason : std::string());
  co_return text;
}

}  // namespace ar::daemon
