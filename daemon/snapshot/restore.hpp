// Brings a snapshot's agents and what belongs to them to this daemon, an agent after the other: each whole, or not at
// all, and then, a part after the other, what is over of it; also what all agents share. Whoever does it again, also
// after a death in its midst, gets what is still missing and nothing twice.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/worker.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/services.hpp"
#include "daemon/snapshot/row_spool.hpp"
#include "daemon/snapshot/snapshot_reader.hpp"
#include "daemon/snapshot/snapshots.hpp"
#include "daemon/tools/tool_hooks.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ar::daemon {

/// io thread.
class Restore {
 public:
  /// `spool`: what read_snapshot has found good.
  Restore(Services& services, Supervisor& supervisor, ToolHooks& tool_hooks, Worker& files,
          std::shared_ptr<RowSpool> spool, SnapshotHead head, RestoreWishes wishes);
  /// {snapshot, sections: {name: {written, skipped}}, agents: [{agent, result, state?, reason?, withheld?, leftOut?}],
  /// leftOut?}.
  /// Errors: those that may pass, and what was done stays; invalid `agents`.
  awaitable<Result<json>> run();

 private:
  struct Arrival;
  awaitable<Result<void>> bring_agent(std::string id);
  awaitable<Result<void>> bring(Arrival& arrival);
  awaitable<Result<void>> look_at_agents();
  void keep_parent(Arrival& arrival) const;
  awaitable<Result<void>> bring_skills(Arrival& arrival);
  awaitable<Result<void>> bring_records(Arrival& arrival);
  awaitable<Result<void>> bring_to_journal(Arrival& arrival);
  awaitable<Result<void>> complete(std::string id);
  awaitable<Result<void>> bring_history(std::string id, WallTime created_at, std::int64_t last_event);
  awaitable<Result<void>> bring_what_is_nobodys();
  awaitable<Result<void>> bring_live_skills();
  awaitable<Result<void>> bring_tool_hooks();
  awaitable<Result<std::vector<json>>> rows_of(std::string section, std::string owner);
  awaitable<Result<json>> sections_shown();

  Services& services_;
  Supervisor& supervisor_;
  ToolHooks& tool_hooks_;
  Worker& files_;
  std::shared_ptr<RowSpool> const spool_;
  SnapshotHead const head_;
  RestoreWishes const wishes_;
  struct Origin {
    std::string parent{};
    WallTime created_at{};
  };
  std::map<std::string, Origin> origins_{};                     ///< of all agents in the snapshot
  std::vector<std::string> agents_{};                           ///< to be restored, parents before their children
  std::map<std::string, std::int64_t, std::less<>> written_{};  ///< rows, by section
  json shown_ = json::array();
  std::vector<std::string> left_out_{};  ///< of what is nobody's
};

}  // namespace ar::daemon
