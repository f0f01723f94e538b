// Commands that the bus has for one agent: each runs as accepted, running, then succeeded or failed. A daemon in which
// one process supervises many agents gives each its own runner id: the agent's id.
#pragma once
#include "base/async.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/delivery/work.hpp"
#include "daemon/services.hpp"
#include "model/verb.hpp"

#include <cstdint>
#include <set>
#include <string>

namespace ar::daemon {

/// Who carries them out.
class CommandHost {
 public:
  virtual ~CommandHost() = default;
  virtual AgentState state() const = 0;
  virtual awaitable<Result<json>> act(std::string verb, json params) = 0;
  virtual Work& work() = 0;
  virtual void work_changed() = 0;
  virtual awaitable<void> leave_bus() = 0;
  /// Has take() be told of the commands that are open on the bus; an error: when the bus is back.
  virtual awaitable<Result<void>> fetch_commands() = 0;
};

/// io thread only.
class BusCommands {
 public:
  /// `tasks`: its agent's, which carry them out.
  BusCommands(Services& services, AgentSpec const& spec, TaskGroup& tasks, CommandHost& host);
  /// One that was taken before is left alone; so is one beyond those that are carried out at once, until one of them
  /// has ended: it stays on the bus.
  void take(Command const& command);

 private:
  awaitable<void> run(Command command, std::string store);
  awaitable<void> see_through(Command command, std::string store);
  awaitable<Result<json>> carry_out(Command const& command, bool cut_off);
  awaitable<Result<json>> decide(Command const& command);
  awaitable<bool> tell(std::int64_t id, std::string store, CommandStatus status, json detail);

  Services& services_;
  AgentSpec const& spec_;
  TaskGroup& tasks_;
  CommandHost& host_;
  std::set<std::int64_t> taken_;  ///< by this daemon
  std::string taken_of_;          ///< the store whose numbers those are
  int under_way_ = 0;
  bool left_some_ = false;  ///< on the bus
};

}  // namespace ar::daemon
