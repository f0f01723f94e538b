// An agent as the journal has it, before anything is done about it.
#pragma once
#include "daemon/agent/agent_spec.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/delivery/delivery_queue.hpp"

namespace ar::daemon {

struct StoredAgent {
  AgentSpec spec;
  AgentState state;
  AgentRecord record;
  DeliveryQueue::Stored deliveries{};
};

}  // namespace ar::daemon
