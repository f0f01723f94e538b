// What is shown of one agent: to people and programs here, and on the bus.
#pragma once
#include "daemon/agent/agent_provider.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/agent/provider_retries.hpp"
#include "daemon/agent/stall_watch.hpp"
#include "daemon/agent/token_keeper.hpp"
#include "daemon/delivery/delivery_queue.hpp"
#include "daemon/delivery/work.hpp"
#include "daemon/services.hpp"

#include <string>

namespace ar::daemon {

/// io thread only.
class AgentView {
 public:
  /// The parts of an agent that it shows; they outlive the view.
  struct Parts {
    Services& services;
    AgentSpec const& spec;
    AgentRecord const& record;
    AgentState const& state;
    AgentProvider const& provider;
    TokenKeeper const& token;
    Work const& work;
    DeliveryQueue const& queue;
    ProviderRetries const& retries;
    StallWatch const& stalls;
  };
  explicit AgentView(Parts parts) : parts_(parts) {}

  /// For the control server. `no_bus`: why the bus's messages are not for it now.
  json shown(std::string const& no_bus) const;
  /// As a program sees it that drives it: a session of docs/control-api.md. `retained_bytes`: of its outputs.
  json session(bool turn_runs, bool interrupting, std::int64_t retained_bytes) const;
  /// For the bus; with what never changes, at its registration.
  json meta(bool registration) const;
  Identity identity() const;
  std::int64_t memory_bytes() const;  ///< resident, of its process and all that it started

  void set_context_use(adapters::ContextUse const& use);
  /// How its process is being ended, for the bus; empty: it is not.
  void set_lifecycle_action(std::string action);

 private:
  void add_registration(json& meta) const;
  json resources() const;

  Parts const parts_;
  json context_use_ = nullptr;
  std::string lifecycle_action_{};
  WallTime lifecycle_action_at_{};
};

}  // namespace ar::daemon
