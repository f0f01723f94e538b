#include "daemon/store/known_store.hpp"

#include "daemon/store/tables/delivery_table.hpp"
#include "daemon/store/tables/fact_table.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace ar::daemon {

bool is_same_store(std::string const& known, relay::BusStore const& found) {
  return known.empty() || known == found.id || known == found.formerly;
}

KnownStore::KnownStore(relay::Bus& bus, Journal& journal, EventLog& events)
    : bus_(bus), journal_(journal), events_(events) {}

KnownStore::~KnownStore() { bus_.watch_store({}); }

std::string KnownStore::stored(Database& db) { return FactTable(db).get(FactTable::kStore); }

awaitable<Result<void>> KnownStore::load() {
  auto query = [](Database& db) -> Result<std::string> { return stored(db); };
  auto id = co_await journal_.read(std::move(query));
  if (!id) co_return id.error();
  id_ = std::move(*id);
  bus_.watch_store([this] { look(); });
  look();
  co_return Result<void>();
}

void KnownStore::look() {
  auto const& found = bus_.store();
  if (found.id.empty()) return;
  if (found.id != id_) change(found);
  if (told_) told_();
}

void KnownStore::change(relay::BusStore const& found) {
  auto const before = std::exchange(id_, found.id);
  bool const same = is_same_store(before, found);
  journal_.write([same, before, id = id_](Database& db) {
    // What was remembered when nobody could tell whose it was, too.
    if (same) DeliveryTable(db).give_to_store(before, id);
    FactTable(db).put(FactTable::kStore, id);
  });
  if (same) return;
  events_.append("", "bus.changed", {{"store", id_}, {"before", before}});
  spdlog::warn(
      "the bus has another store now ({}, before {}): its messages are others, whatever their numbers; what was under "
      "way with those before has ended",
      id_, before);
}

}  // namespace ar::daemon
