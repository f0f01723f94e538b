// The control server's questions about the runtime: its pause, its return after a cold start.
#pragma once
#include "control/api/runtime_api.hpp"
#include "daemon/api/access.hpp"
#include "daemon/fleet/recovery.hpp"
#include "daemon/fleet/runtime_pause.hpp"
#include "daemon/snapshot/snapshots.hpp"

namespace ar::daemon {

class RuntimeApi final : public control::RuntimeApi {
 public:
  RuntimeApi(RuntimePause& pause, Recovery const& recovery, Snapshots const& snapshots, Access const& access)
      : pause_(pause), recovery_(recovery), snapshots_(snapshots), access_(access) {}

  awaitable<Result<json>> runtime() override;
  awaitable<Result<std::int64_t>> pause(json request) override;
  awaitable<Result<json>> wait_paused(std::int64_t pause) override;
  awaitable<Result<json>> resume() override;
  awaitable<Result<json>> recovery() override;

 private:
  awaitable<Result<json>> with_snapshots(json shown);

  RuntimePause& pause_;
  Recovery const& recovery_;
  Snapshots const& snapshots_;
  Access const& access_;
};

}  // namespace ar::daemon
