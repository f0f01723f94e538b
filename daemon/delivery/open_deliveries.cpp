#include "daemon/delivery/open_deliveries.hpp"

#include "daemon/delivery/delivery_host.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/tables/delivery_table.hpp"

#include <algorithm>
#include <utility>

namespace ar::daemon {
using State = DeliveryState;

OpenDeliveries::OpenDeliveries(Services& services, std::string agent_id, DeliveryHost& host, Notifier& changed)
    : services_(services), agent_id_(std::move(agent_id)), host_(host), changed_(changed) {}

void OpenDeliveries::load(KnownMessages known, bool prompt_known, MessageId lowest_local) {
  known_ = std::move(known);
  prompt_known_ = prompt_known;
  lowest_local_ = lowest_local;
}

Delivery& OpenDeliveries::add(Delivery d) {
  auto const id = d.message;
  return all_.emplace(id, std::move(d)).first->second;
}

void OpenDeliveries::add_local(MessageId id, LocalMessage message) {
  if (id == kInitialPrompt ? std::exchange(prompt_known_, true) : id >= lowest_local_) return;
  lowest_local_ = std::min(lowest_local_, id);
  Delivery d;
  d.message = id;
  d.from = std::move(message.from);
  d.kind = std::move(message.kind);
  d.subject = std::move(message.subject);
  d.local_body = std::move(message.body);
  d.step("queued");
  auto& stored = add(std::move(d));
  save(stored);
  announce(stored, "message.queued", message.payload);
  host_.wanted();
  changed_.notify_all();
}

std::size_t OpenDeliveries::content_bytes() const {
  std::size_t bytes = 0;
  for (auto const& [id, d] : all_)
    if (d.content) bytes += d.content_size;
  return bytes;
}

std::size_t OpenDeliveries::waiting() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(all_, [](auto const& entry) { return entry.second.is_waiting(); }));
}

void OpenDeliveries::forget_settled() {
  if (std::erase_if(all_, [](auto const& entry) { return entry.second.is_settled(); }) > 0)
    services_.deliveries_changed.notify_all();
}

void OpenDeliveries::forget(MessageId id) {
  auto const it = all_.find(id);
  bool const journalled = it->second.steps.size() > 1;  // what only waited was never saved
  auto const store = it->second.store;
  known_.erase(id);
  all_.erase(it);
  services_.deliveries_changed.notify_all();
  host_.work_changed();
  if (!journalled) return;
  erase(store, id);
}

void OpenDeliveries::erase(std::string const& store, MessageId id) {
  services_.journal.write([agent = agent_id_, store, id](Database& db) { DeliveryTable(db).erase(agent, store, id); });
}

void OpenDeliveries::save(Delivery const& d) {
  DeliveryTable::Row row{
      agent_id_,      d.store, d.message, std::string(to_string(d.state)), d.correlation_id, to_text(to_journal(d)),
      !d.is_settled()};
  auto change = [row = std::move(row)](Database& db) { DeliveryTable(db).put(row); };
  // The agent may be gone when the journal has it.
  auto tell = [&changed = services_.deliveries_changed] { changed.notify_all(); };
  services_.journal.write(std::move(change), std::move(tell));
}

void OpenDeliveries::announce(Delivery const& d, char const* type, json const& payload) {
  json data = {{"message", d.message}, {"from", d.from}, {"kind", d.kind}};
  if (!d.proof.empty()) data["proof"] = d.proof;
  if (!d.reason.empty() && d.state != State::done) data["reason"] = d.reason;
  if (!d.code.empty()) data["code"] = d.code;
  if (d.turn > 0) data["turn"] = d.turn;
  if (!payload.is_null()) data["payload"] = payload;
  services_.events.append(agent_id_, type, std::move(data));
}

}  // namespace ar::daemon
