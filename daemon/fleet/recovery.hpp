// A cold start, and the report of what came of it (docs/recovery.md): no process of any agent has lived on, after a
// reboot or since all were killed at once.
//
// What the agents were at is in the journal before any of them is taken over; a daemon that ends meanwhile leaves the
// report to the next one. The newest report stays there.
#pragma once
#include "base/async.hpp"
#include "base/json.hpp"
#include "daemon/fleet/stored_agent.hpp"
#include "daemon/services.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ar::daemon {

class Agent;

/// io thread only.
class Recovery {
 public:
  using Agents = std::map<std::string, std::shared_ptr<Agent>, std::less<>>;
  /// `agents` are those of this daemon; they outlive it.
  Recovery(Services& services, Agents const& agents);

  /// Before any agent is taken over. `found_nothing`: there is no terminal of theirs. Returns why no process of before
  /// lives, for people, once what the agents were at is on the disk; empty: it is no cold start.
  awaitable<Result<std::string>> begin(std::vector<StoredAgent> const& agents, bool found_nothing);
  /// Once they are taken over: follows those of an unfinished report until all are back or have failed.
  void start(TaskGroup::OnDeath on_death);
  awaitable<void> stop() { return tasks_.stop(); }
  /// The newest report; null: there was no cold start yet.
  json const& report() const { return report_; }

 private:
  bool is_unfinished() const;
  awaitable<void> follow();
  bool note_agents(bool is_late);
  awaitable<void> finish();
  void save();

  Services& services_;
  Agents const& agents_;
  json report_ = nullptr;
  TaskGroup tasks_;
};

}  // namespace ar::daemon
