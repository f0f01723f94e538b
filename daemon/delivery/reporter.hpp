// Tells the bus what became of one agent's deliveries: that a message was taken, and how it ended: claim finished and
// task set, the reply that was asked for.
#pragma once
#include "base/async.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/services.hpp"

#include <functional>
#include <string>

namespace ar::daemon {

class DeliveryHost;
class Leases;
class OpenDeliveries;

/// io thread only.
class Reporter {
 public:
  /// The references are to parts of the same agent. `knows_store`: the bus's numbers are those that the deliveries
  /// have.
  Reporter(Services& services, OpenDeliveries& open, Leases& leases, DeliveryHost& host, std::string agent_id,
           std::function<bool()> knows_store);

  /// The next that the bus is to be told of; null: none now.
  Delivery* next();
  /// Once the journal has it. While the bus is away, it is due again later.
  awaitable<void> report(Delivery& d);
  /// With as much of its body as the bus takes. An error: the bus is to be asked again; what it refuses for good is
  /// logged, and counts as told.
  awaitable<Result<void>> reply(NewMessage reply);
  /// The agent is to be removed: whoever waits for a reply of its will get none.
  awaitable<Result<void>> tell_of_removal();

 private:
  awaitable<Result<void>> report_end(Delivery& d);
  awaitable<Result<void>> finish_claim(Delivery& d);
  awaitable<Result<void>> tell_asker(Delivery const& d);
  awaitable<Result<bool>> still_ours(Delivery const& d);

  Services& services_;
  OpenDeliveries& open_;
  Leases& leases_;
  DeliveryHost& host_;
  std::string const agent_id_;
  std::function<bool()> const knows_store_;
};

}  // namespace ar::daemon
