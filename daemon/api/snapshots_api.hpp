// The control server's questions about snapshots.
#pragma once
#include "control/api/snapshots_api.hpp"
#include "daemon/api/access.hpp"
#include "daemon/snapshot/snapshots.hpp"

namespace ar::daemon {

class SnapshotsApi final : public control::SnapshotsApi {
 public:
  SnapshotsApi(Snapshots& snapshots, Access const& access) : snapshots_(snapshots), access_(access) {}

  awaitable<Result<json>> create_snapshot(json request) override;
  awaitable<Result<json>> snapshots(std::string label_contains, int limit) override;
  awaitable<Result<json>> snapshot(std::string id) override;
  awaitable<Result<std::unique_ptr<control::SnapshotDocument>>> export_snapshot(std::string id) override;
  awaitable<Result<void>> remove_snapshot(std::string id) override;
  awaitable<Result<json>> restore_snapshot(json request) override;

 private:
  Snapshots& snapshots_;
  Access const& access_;
};

}  // namespace ar::daemon
