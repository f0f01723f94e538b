// What every part of the daemon's heart shares. Owned by Supervisor's creator (main), alive longer than any agent.
#pragma once
#include "base/async.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace ar {
struct Paths;
class WorkerPool;
namespace adapters {
class Adapter;
}
namespace relay {
class Bus;
}
namespace terminal {
class TerminalHost;
}
}  // namespace ar

namespace ar::daemon {

class Accounts;
class AgentGroups;
class Approvals;
class Budgets;
struct Config;
class DescriptorBudget;
class EventLog;
class Journal;
class KnownStore;
class Outbox;
class Lineage;
class Removed;
class RestartRateLimiter;
class RuntimeState;
class SkillStore;

/// The name of who speaks to this daemon with the operator's right, as a sender, a reader and a decider.
inline constexpr char kOperator[] = "operator";

struct Services {
  Executor executor;
  Config const& config;
  Paths const& paths;
  Journal& journal;
  EventLog& events;
  Approvals& approvals;
  Lineage& lineage;  ///< who is whose child
  relay::Bus& bus;
  KnownStore& store;      ///< whose the numbers of the bus's messages are
  RuntimeState& runtime;  ///< whether agents are given work
  Outbox& outbox;         ///< tells receivers outside
  SkillStore& skills;
  Removed& removed;
  Accounts& accounts;  ///< whose agents' logins they are, and what holds them
  Budgets& budgets;    ///< how much agents may use, and what they have used
  terminal::TerminalHost& terminals;
  AgentGroups& groups;           ///< of the agents' processes
  Notifier& deliveries_changed;  ///< told of every change of any delivery: for those who wait for one
  WorkerPool& files;             ///< attachments, transcripts and other file work; each agent has a worker there
  WorkerPool& outputs;           ///< looking through and copying what agents make, which may take long
  WorkerPool& launches;          ///< getting providers ready to start: may wait for a CLI that does not answer
  std::map<std::string, std::shared_ptr<adapters::Adapter const>> const& adapters;
  std::filesystem::path bin_dir;    ///< agent-runner, agent-runner-hook
  std::filesystem::path share_dir;  ///< plugins/
  RestartRateLimiter& brake;
  DescriptorBudget& descriptors;
  std::string instance_id;          ///< this start of the daemon
  std::function<int()> tcp_port;    ///< of the control server; 0: none
  std::function<int()> relay_port;  ///< of the relay, for agents' own tokens; 0: none, or the bus is somebody else's
  TaskGroup::OnDeath on_memory_watch_death{};
};

}  // namespace ar::daemon
