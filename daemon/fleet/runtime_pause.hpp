// Pauses the runtime and lets it go on: nothing new is handed to any agent, and the turns that run get a grace. Agents'
// processes stay, and people at their terminals can type.
#pragma once
#include "base/async.hpp"
#include "base/json.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/services.hpp"
#include "daemon/store/runtime_state.hpp"

#include <cstdint>
#include <set>
#include <string>

namespace ar::daemon {

/// io thread only.
class RuntimePause {
 public:
  /// `on_death`: a pause that has begun never comes to its end.
  RuntimePause(Services& services, Supervisor const& supervisor, TaskGroup::OnDeath on_death = {});
  /// The daemon ends; the pause stays in the journal.
  awaitable<void> stop() { return tasks_.stop(); }

  /// Returns the pause's number once it is on the disk; the grace begins then. `force`: turns that still run after it
  /// are interrupted. Errors: already_pausing, already_paused.
  awaitable<Result<std::int64_t>> begin(milliseconds grace, bool force, std::string reason);
  /// Waits until the grace is over, or somebody has resumed: {state: paused | running, parked, running, ms}. Who waits
  /// may go; the pause does not need them.
  awaitable<json> wait_until_over(std::int64_t pause);
  /// What it is afterwards. Error: not_paused.
  awaitable<Result<json>> resume();
  /// {state, since, reason?, pausedRuns: [{agent, turn, outcome: running | finished | interrupted}]}
  json shown() const;

 private:
  awaitable<void> carry_out(std::int64_t pause, Clock::time_point end_of_grace, bool force);
  awaitable<void> wait_for_turns(std::int64_t pause, Clock::time_point deadline, bool interrupting);
  void note_runs();
  void interrupt_runs();
  awaitable<void> interrupt(std::shared_ptr<Agent> agent, RuntimeState::Run run);
  json parked_and_running() const;
  void tell_agents();

  Services& services_;
  RuntimeState& state_;
  Supervisor const& supervisor_;
  TaskGroup::OnDeath const on_death_;
  std::set<std::pair<std::string, std::int64_t>> told_to_end_;  ///< turns of the present pause
  Notifier over_;
  TaskGroup tasks_;
};

}  // namespace ar::daemon
