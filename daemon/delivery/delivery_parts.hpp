// What handing over one agent's messages is made of, for the parts that work together on it.
#pragma once
#include "base/async.hpp"
#include "daemon/services.hpp"

#include <string>

namespace ar::daemon {

class CurrentStore;
class DeliveryHost;
class Leases;
class OpenDeliveries;
struct InProcess;

/// All of the same agent; they outlive whoever holds this.
struct DeliveryParts {
  Services& services;
  std::string const& agent_id;
  DeliveryHost& host;
  OpenDeliveries& open;
  InProcess& process;
  Leases& leases;
  CurrentStore const& store;
  Notifier& changed;  ///< whoever works on deliveries waits for it
};

}  // namespace ar::daemon
