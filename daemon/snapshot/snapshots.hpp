// The snapshots of this daemon (docs/snapshots.md): taken, listed, read, restored, removed. Their documents lie in the
// state directory's folder `snapshots`, each as ID.json (0600); the journal knows which there are.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/worker.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/services.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

class ToolHooks;

/// What of a snapshot is to be restored.
struct RestoreWishes {
  bool history = false;
  std::optional<std::vector<std::string>> agents{};  ///< these alone, with what is theirs; none: all there is
};

/// A document that is read piece by piece: it stays readable while the snapshot is removed.
class SnapshotFile {
 public:
  SnapshotFile(Worker& files, int fd) : files_(files), fd_(std::make_shared<Open>(fd)) {}
  /// Empty: the end.
  awaitable<Result<std::string>> next();

 private:
  struct Open {
    explicit Open(int open) : fd(open) {}
    ~Open();
    Open(Open const&) = delete;
    Open& operator=(Open const&) = delete;
    int const fd;
  };
  Worker& files_;
  std::shared_ptr<Open> const fd_;
};

/// io thread. One is taken or restored at a time.
class Snapshots {
 public:
  static constexpr int kMost = 200;  ///< that there may be

  Snapshots(Services& services, Supervisor& supervisor, ToolHooks& tool_hooks);
  /// Removes what a daemon that was killed has left by half. Before anything else.
  awaitable<Result<void>> sweep();

  /// {id, label, createdAt, bytes, includeHistory, sections}. Errors: quota (there are kMost), snapshot_too_large,
  /// disk_full, those of the bus.
  awaitable<Result<json>> create(std::string label, bool history);
  /// The newest first: {snapshots}.
  awaitable<Result<json>> list(std::string label_contains, int limit) const;
  awaitable<Result<json>> show(std::string id) const;  ///< error: no_such_snapshot
  awaitable<Result<std::int64_t>> count() const;
  /// Errors: no_such_snapshot; the disk's.
  awaitable<Result<std::unique_ptr<SnapshotFile>>> open(std::string id);
  /// Nothing happens where it is not there.
  awaitable<Result<void>> remove(std::string id);

  // What came of it is Restore::run's; errors besides: no_such_snapshot, those of read_snapshot.
  awaitable<Result<json>> restore(std::string id, RestoreWishes wishes);
  awaitable<Result<json>> restore_file(std::filesystem::path file, RestoreWishes wishes);
  awaitable<Result<json>> restore_document(json document, RestoreWishes wishes);

 private:
  std::filesystem::path file_of(std::string const& id) const { return folder_ / (id + ".json"); }
  awaitable<Result<void>> make_folder(std::filesystem::path folder);
  awaitable<void> remove_all(std::filesystem::path path);
  awaitable<Result<json>> create_in(std::filesystem::path folder, std::string label, bool history);
  awaitable<Result<json>> restore_in(std::filesystem::path folder, std::filesystem::path file,
                                     std::optional<json> document, RestoreWishes wishes);

  Services& services_;
  Supervisor& supervisor_;
  ToolHooks& tool_hooks_;
  std::filesystem::path const folder_;
  Worker files_;
  AsyncMutex working_;
};

}  // namespace ar::daemon
