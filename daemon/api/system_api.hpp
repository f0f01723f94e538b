// The control server's questions about the daemon itself.
#pragma once
#include "base/loop_lag.hpp"
#include "control/api/system_api.hpp"
#include "daemon/api/access.hpp"
#include "daemon/config/config.hpp"
#include "daemon/fleet/runtime_pause.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/metrics/metrics.hpp"
#include "daemon/schedule/schedules.hpp"
#include "daemon/services.hpp"

#include <functional>
#include <vector>

namespace ar::daemon {

class SystemApi final : public control::SystemApi {
 public:
  using Reload = std::function<awaitable<Result<std::vector<Config::Change>>>()>;
  /// `on_shut_down` is called once a shutdown was asked for; the answer is on its way then. `reload` takes the
  /// configuration's file again.
  SystemApi(Services& services, Supervisor const& supervisor, RuntimePause const& pause, Schedules const& schedules,
            Access const& access, LoopLag const& lag, Metrics& metrics,
            std::function<void(bool stop_agents)> on_shut_down, Reload reload);

  awaitable<Result<json>> info() override;
  awaitable<Result<std::string>> metrics() override { return metrics_.text(); }
  awaitable<Result<json>> configuration() override;
  awaitable<Result<json>> reload_configuration() override;
  awaitable<Result<json>> bus() override;
  awaitable<Result<json>> shut_down(bool stop_agents) override;

 private:
  Services& services_;
  Supervisor const& supervisor_;
  RuntimePause const& pause_;
  Schedules const& schedules_;
  Access const& access_;
  LoopLag const& lag_;
  Metrics& metrics_;
  std::function<void(bool)> const on_shut_down_;
  Reload const reload_;
  WallTime const started_at_;
};

}  // namespace ar::daemon
