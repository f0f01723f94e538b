// Which store of the bus the message numbers in the journal are of. A bus that is found with another one has other
// messages under the same numbers: what is remembered stays with the store it is of, and every agent is told.
#pragma once
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "relay/bus.hpp"

#include <functional>
#include <string>

namespace ar::daemon {

/// io thread only.
class KnownStore {
 public:
  KnownStore(relay::Bus& bus, Journal& journal, EventLog& events);
  ~KnownStore();
  KnownStore(KnownStore const&) = delete;
  KnownStore& operator=(KnownStore const&) = delete;

  /// Reads what the journal knows, and follows the bus from here on. Before anything is remembered by number.
  awaitable<Result<void>> load();
  /// Told each time the bus has been reached.
  void on_reached(std::function<void()> told) { told_ = std::move(told); }
  /// Empty: the bus has never been reached.
  std::string const& id() const { return id_; }
  /// The same, as the journal has it: in step with its deliveries.
  static std::string stored(Database& db);

 private:
  void look();
  void change(relay::BusStore const& found);

  relay::Bus& bus_;
  Journal& journal_;
  EventLog& events_;
  std::string id_;
  std::function<void()> told_;
};

/// Whether what is remembered of store `known` is what `found` has: also where that could not be told before.
bool is_same_store(std::string const& known, relay::BusStore const& found);

}  // namespace ar::daemon
