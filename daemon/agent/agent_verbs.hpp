// What people, programs and the bus have one agent do: the verbs of model/verb.hpp.
#pragma once
#include "base/async.hpp"
#include "daemon/agent/agent_process.hpp"
#include "daemon/agent/agent_provider.hpp"
#include "daemon/agent/agent_rest.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/agent/bus_presence.hpp"
#include "daemon/agent/restarts.hpp"
#include "daemon/delivery/delivery_queue.hpp"
#include "daemon/services.hpp"
#include "model/verb.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// What the verbs ask of their agent.
class VerbHost {
 public:
  virtual ~VerbHost() = default;
  virtual Result<void> apply(AgentInput input, std::string reason) = 0;
  /// How its process ends when it is told to next.
  virtual void set_end(bool hard, milliseconds patience) = 0;
  /// Its process is to end, though it is being ended already.
  virtual void end_again() = 0;
  virtual json view() const = 0;
  virtual awaitable<Result<void>> fetch_unread() = 0;
  /// Error: its removal has begun, which may be while something else was waited for.
  virtual Result<void> check_kept() const = 0;
};

/// io thread only.
class AgentVerbs {
 public:
  /// Of the same agent; they outlive it.
  struct Parts {
    Services& services;
    AgentSpec const& spec;
    AgentRecord& record;
    AgentState const& state;
    AgentProvider const& provider;
    Restarts& restarts;
    AgentProcess& process;
    DeliveryQueue& queue;
    AgentRest& rest;
    BusPresence& presence;
    Notifier& changed;  ///< of its state
  };
  /// Who has it done: a person, a program or the bus; or the daemon, which nobody has asked.
  enum class By { somebody, daemon };
  AgentVerbs(Parts parts, VerbHost& host) : parts_(parts), host_(host) {}

  /// Returns when it has come about (a stop: when the process has ended; a restart: when the next one runs).
  awaitable<Result<json>> act(std::string verb, json params, By by = By::somebody);
  /// Its turn is being ended from here, and what it asked with it.
  bool is_interrupting() const { return interrupting_ > 0; }
  /// How long it may take to stop by itself, unless the request says.
  std::int64_t shutdown_timeout_ms() const;

 private:
  struct Asked {
    milliseconds timeout;
    std::optional<std::string> reason;
    std::string content;
    std::vector<std::string> memory_ids;
    By by = By::somebody;
    std::string why() const { return reason.value_or("asked for"); }
  };
  Result<Asked> read_params(VerbRow const& verb, json const& params) const;
  awaitable<Result<json>> end_process(Verb verb, Asked asked);
  awaitable<Result<json>> start_process(Verb verb, Asked asked);
  awaitable<Result<json>> inject(Asked asked);
  awaitable<Result<json>> reconnect();
  awaitable<Result<void>> ask_provider(Verb verb);
  awaitable<bool> wait_until_ended(milliseconds patience);
  awaitable<Result<void>> wait_until_started(milliseconds patience);

  Parts const parts_;
  VerbHost& host_;
  int interrupting_ = 0;
};

}  // namespace ar::daemon
