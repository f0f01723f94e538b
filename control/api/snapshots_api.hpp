// Snapshots: what of the agents can be taken along, and brought back here or elsewhere (docs/snapshots.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <memory>
#include <string>

namespace ar::control {

/// A snapshot's document, piece by piece. io thread only.
class SnapshotDocument {
 public:
  virtual ~SnapshotDocument() = default;
  /// Empty: the end.
  virtual awaitable<Result<std::string>> next() = 0;
};

/// io thread only.
class SnapshotsApi {
 public:
  virtual ~SnapshotsApi() = default;
  /// `request`: {label?, includeHistory?}. Errors: quota, snapshot_too_large.
  virtual awaitable<Result<json>> create_snapshot(json request) = 0;
  /// The newest first: {snapshots: [...]}.
  virtual awaitable<Result<json>> snapshots(std::string label_contains, int limit) = 0;
  virtual awaitable<Result<json>> snapshot(std::string id) = 0;
  virtual awaitable<Result<std::unique_ptr<SnapshotDocument>>> export_snapshot(std::string id) = 0;
  /// Nothing happens where it is not there.
  virtual awaitable<Result<void>> remove_snapshot(std::string id) = 0;
  /// `request`: {snapshotId | json | file, includeHistory?, agents?}. Errors: snapshot_damaged, snapshot_version (a
  /// section, its field, is newer than what is known), snapshot_too_large.
  virtual awaitable<Result<json>> restore_snapshot(json request) = 0;
};

}  // namespace ar::control
