// Keeps the search index up to date: what the agents' transcripts and the bus have more than it is added when a turn
// has ended, when a daemon starts, and before somebody searches. Agents that are gone, and what the bus has forgotten,
// go from it; so does what is too old or too much.
#pragma once
#include "base/async.hpp"
#include "base/log.hpp"
#include "daemon/agent/agent.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/search/search_index.hpp"
#include "daemon/search/search_table.hpp"
#include "daemon/services.hpp"

#include <cstdint>
#include <set>
#include <string>

namespace ar::daemon {

/// io thread only.
class Indexer {
 public:
  Indexer(Services& services, Supervisor const& supervisor, SearchIndex& index);

  /// From now on. `on_death`: no more.
  void start(TaskGroup::OnDeath on_death = {});
  awaitable<void> stop();
  /// Returns when all is in the index that was there to be read, or at the deadline.
  awaitable<void> caught_up(Clock::time_point deadline);

  /// Whose rows an agent's are: another agent of the same name does not find them.
  static std::string owner_of(Agent const& agent);

 private:
  awaitable<void> run();
  awaitable<void> watch();
  awaitable<Result<void>> pass();
  awaitable<Result<void>> take_transcript(std::string owner, Agent::Conversation conversation,
                                          adapters::TranscriptParser parse);
  awaitable<Result<void>> take_messages();
  awaitable<Result<void>> forget_gone(std::set<std::string> present);
  template <class Step>
  awaitable<Result<void>> repeat(Step step);
  SearchLimits limits() const;
  void ask();

  Services& services_;
  Supervisor const& supervisor_;
  SearchIndex& index_;
  std::int64_t asked_ = 0, done_ = 0;  ///< passes
  Notifier wanted_, passed_;
  LogThrottle failures_;
  TaskGroup tasks_;
};

}  // namespace ar::daemon
