// Whether one agent has nothing to do, so that it may be suspended; and after how long it is by itself.
#pragma once
#include "base/async.hpp"
#include "daemon/agent/agent_process.hpp"
#include "daemon/agent/agent_provider.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/agent/bus_presence.hpp"
#include "daemon/delivery/delivery_queue.hpp"
#include "daemon/delivery/turn_tracker.hpp"
#include "daemon/delivery/work.hpp"

#include <functional>
#include <string>

namespace ar::daemon {

/// io thread only.
class AgentRest {
 public:
  /// Of the same agent; they outlive it.
  struct Parts {
    AgentSpec const& spec;
    AgentRecord const& record;
    AgentState const& state;
    AgentProvider const& provider;
    AgentProcess const& process;
    TurnTracker const& turns;
    DeliveryQueue const& queue;
    Work const& work;
    BusPresence& presence;
  };
  AgentRest(Parts parts, std::function<void(std::string reason)> suspend)
      : parts_(parts), suspend_(std::move(suspend)) {}

  /// Idle with nothing to do, subagents included.
  bool does_nothing() const;
  /// A message waits to be handed over.
  bool is_wanted() const;
  /// An error: a suspension would cut something off, as far as is known here, and what the provider says when it is
  /// asked.
  awaitable<Result<void>> check();
  /// For as long as the agent is here: suspends it when it has had nothing to do for its time.
  awaitable<void> watch();

 private:
  Parts const parts_;
  std::function<void(std::string)> const suspend_;
};

}  // namespace ar::daemon
