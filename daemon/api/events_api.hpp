// The event log for the control server.
#pragma once
#include "control/api/events_api.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/store/event_log.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ar::daemon {

class EventsApi final : public control::EventsApi {
 public:
  EventsApi(EventLog& log, Supervisor const& supervisor) : log_(log), supervisor_(supervisor) {}

  awaitable<Result<std::vector<Event>>> events(std::string agent, std::int64_t cursor, int limit) override;
  std::int64_t last_event(std::string const& agent) const override { return log_.last(agent); }
  awaitable<Result<json>> check_log() override;
  awaitable<bool> wait_events(std::string agent, std::int64_t cursor, Clock::time_point deadline) override;

 private:
  EventLog& log_;
  Supervisor const& supervisor_;
};

}  // namespace ar::daemon
