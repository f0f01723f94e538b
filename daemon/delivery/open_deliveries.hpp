// The messages that one agent is not done with, and which it ever took up: in memory, in the journal, told as events.
#pragma once
#include "base/async.hpp"
#include "base/sqlite.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/delivery/delivery_host.hpp"
#include "daemon/delivery/known_messages.hpp"
#include "daemon/services.hpp"

#include <cstddef>
#include <map>
#include <string>

namespace ar::daemon {

/// What never was on the bus. `payload`: for the event that it is queued.
struct LocalMessage {
  std::string from, kind, body;
  std::optional<std::string> subject{};
  json payload = nullptr;
};

/// io thread only.
class OpenDeliveries {
 public:
  using Map = std::map<MessageId, Delivery>;
  /// The references outlive it. `changed`: whoever works on deliveries waits for it.
  OpenDeliveries(Services& services, std::string agent_id, DeliveryHost& host, Notifier& changed);

  /// What the journal holds. `prompt_known`: the initial prompt was ever taken up; `lowest_local`: of what never was on
  /// the bus.
  void load(KnownMessages known, bool prompt_known, MessageId lowest_local);

  Map& all() { return all_; }
  Map const& all() const { return all_; }
  KnownMessages& known() { return known_; }
  bool is_known(MessageId id) const { return all_.contains(id) || known_.contains(id); }
  std::size_t waiting() const;        ///< messages not yet accepted
  std::size_t content_bytes() const;  ///< kept of those that wait

  Delivery& add(Delivery d);
  /// Something that never was on the bus; nothing happens when it was taken up before.
  void add_local(MessageId id, LocalMessage message);
  MessageId next_local_id() const { return lowest_local_ - 1; }

  void save(Delivery const& d);
  void announce(Delivery const& d, char const* type, json const& payload = nullptr);
  /// As if it had never been here.
  void forget(MessageId id);
  void forget_settled();
  void erase(std::string const& store, MessageId id);  ///< out of the journal

 private:
  Services& services_;
  std::string const agent_id_;
  DeliveryHost& host_;
  Notifier& changed_;
  Map all_;
  KnownMessages known_;  ///< beside all_: what waits only is not in the journal
  bool prompt_known_ = false;
  MessageId lowest_local_ = kInitialPrompt;  ///< of what never was on the bus: the next is lower
};

}  // namespace ar::daemon
