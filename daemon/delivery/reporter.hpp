// Tells the bus what became of one agent's deliveries: claim finished and task set, the reply that was asked for. An
// error of each: the bus is to be asked again. What the bus refuses for good is logged, and counts as told.
#pragma once
#include "base/async.hpp"
#include "daemon/delivery/delivery.hpp"
#include "daemon/delivery/leases.hpp"
#include "daemon/store/event_log.hpp"
#include "relay/bus.hpp"

#include <functional>
#include <string>

namespace ar::daemon {

/// io thread only.
class Reporter {
 public:
  /// `knows_store`: the bus's numbers are those that the deliveries have.
  Reporter(relay::Bus& bus, EventLog& events, Leases& leases, std::string agent_id, std::function<bool()> knows_store);

  /// The claim ends with the turn: its task is set, and nobody else gets the work.
  awaitable<Result<void>> finish_claim(Delivery& d);
  /// The final text of the turn, where the agent has not answered by itself; else why there is none.
  awaitable<Result<void>> tell_asker(Delivery const& d);
  /// With as much of its body as the bus takes.
  awaitable<Result<void>> reply(NewMessage reply);
  /// The agent is to be removed: whoever waits for a reply of its will get none.
  awaitable<Result<void>> tell_of_removal();

 private:
  awaitable<Result<bool>> still_ours(Delivery const& d);

  relay::Bus& bus_;
  EventLog& events_;
  Leases& leases_;
  std::string const agent_id_;
  std::function<bool()> const knows_store_;
};

}  // namespace ar::daemon
