// Forgets what is over for long, or too much: events, decided approvals, ended turns, what settled deliveries were
// about, with the files they came with, outputs whose files are gone, and what was removed. In small batches, between
// which the journal goes on with its other work.
//
// Of a delivery its number and how it ended stay, so that no message is ever taken up twice. What is still open,
// pending or running stays whole, however old it is; so do the newest turn and approval, and the newest event of all
// and of each agent that there is, after which the numbers go on.
#pragma once
#include "base/async.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/worker.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/tables/table.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace ar::daemon {

struct RetentionLimits {
  std::chrono::days events{30}, history{30};  ///< history: turns and deliveries
  std::int64_t most_events = 1'000'000;       ///< and approvals
  std::int64_t most_history = 10'000;         ///< turns of an agent, and its deliveries
};

/// io thread only.
class Retention {
 public:
  /// Where an agent's messages have their files.
  using Folder = std::function<std::filesystem::path(std::string const& agent)>;
  /// Told of each agent whose tables have been looked through: its outputs that are not listed any more can go.
  using Pruned = std::function<void(std::string const& agent)>;
  /// `files`: looks into these folders. `random`: in [0, 1); empty: a real one.
  Retention(Executor executor, Journal& journal, Worker& files, Folder folder, RetentionLimits limits,
            Random random = {}, Pruned pruned = {});
  /// From the next time on.
  void set_limits(RetentionLimits limits) { limits_ = limits; }
  /// From now on, about once an hour. `on_death`: no more.
  void start(TaskGroup::OnDeath on_death);
  awaitable<void> stop();
  /// All that is over now. An error: the journal's, which leaves the rest for the next time.
  awaitable<Result<void>> prune();

 private:
  using Batch = std::function<void(Database&, Walk&)>;
  awaitable<Result<void>> prune_all(Batch batch);
  awaitable<Result<void>> prune_files(std::string agent);
  awaitable<void> run();

  Journal& journal_;
  Worker& files_;
  Folder const folder_;
  RetentionLimits limits_;
  Random const random_;
  Pruned const pruned_;
  LogThrottle failures_;
  TaskGroup tasks_;
};

}  // namespace ar::daemon
