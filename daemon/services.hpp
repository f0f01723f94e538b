// What every part of the daemon's heart shares. Owned by Supervisor's creator (main), alive longer than any agent.
#pragma once
#include "adapters/adapter.hpp"
#include "base/async.hpp"
#include "base/paths.hpp"
#include "base/worker.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/agent/restart_policy.hpp"
#include "daemon/config/config.hpp"
#include "daemon/fleet/descriptor_budget.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/known_store.hpp"
#include "relay/bus.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace ar::daemon {

/// The name of who speaks to this daemon with the operator's right, as a sender, a reader and a decider.
inline constexpr char kOperator[] = "operator";

struct Services {
  Executor executor;
  Config const& config;
  Paths const& paths;
  Journal& journal;
  EventLog& events;
  Approvals& approvals;
  relay::Bus& bus;
  KnownStore& store;  ///< whose the numbers of the bus's messages are
  terminal::TerminalHost& terminals;
  Notifier& deliveries_changed;  ///< told of every change of any delivery: for those who wait for one
  WorkerPool& files;             ///< attachments, transcripts and other file work; each agent has a worker there
  WorkerPool& launches;          ///< getting providers ready to start: may wait for a CLI that does not answer
  std::map<std::string, std::shared_ptr<adapters::Adapter const>> const& adapters;
  std::filesystem::path bin_dir;    ///< agent-runner, agent-runner-hook
  std::filesystem::path share_dir;  ///< plugins/
  RestartRateLimiter& brake;
  DescriptorBudget& descriptors;
  std::string instance_id;        ///< this start of the daemon
  std::function<int()> tcp_port;  ///< of the control server; 0: none
  TaskGroup::OnDeath on_memory_watch_death{};
};

}  // namespace ar::daemon
