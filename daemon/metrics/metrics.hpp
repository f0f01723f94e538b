// The daemon's figures for Prometheus (docs/metrics.md): what is now, asked of its parts, and what has happened since
// its start, by the event log.
#pragma once
#include "base/async.hpp"
#include "base/loop_lag.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/metrics/event_metrics.hpp"
#include "daemon/services.hpp"

#include <cstdint>
#include <string>

namespace ar::daemon {

/// io thread only.
class Metrics {
 public:
  Metrics(Services& services, Supervisor const& supervisor, LoopLag const& lag);
  /// Counts from now on. `on_death`: nothing is counted any more.
  void start(TaskGroup::OnDeath on_death);
  awaitable<void> stop();

  /// In Prometheus' text format.
  awaitable<Result<std::string>> text();

 private:
  awaitable<void> count();
  void write_agents(MetricsText& out) const;
  void write_daemon(MetricsText& out) const;

  Services& services_;
  Supervisor const& supervisor_;
  LoopLag const& lag_;
  EventMetrics events_{};
  std::int64_t seen_ = 0;
  WallTime const started_at_ = wall_now();
  TaskGroup tasks_;
};

}  // namespace ar::daemon
