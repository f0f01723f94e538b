// The control server's questions about schedules: who may have which, and what is shown of them.
#pragma once
#include "control/api/schedules_api.hpp"
#include "daemon/api/access.hpp"
#include "daemon/api/scheduled_work.hpp"
#include "daemon/schedule/schedules.hpp"
#include "daemon/services.hpp"

#include <string>

namespace ar::daemon {

class SchedulesApi final : public control::SchedulesApi {
 public:
  SchedulesApi(Services& services, Access const& access, Schedules& schedules, ScheduledWork& work)
      : services_(services), access_(access), schedules_(schedules), work_(work) {}

  awaitable<Result<json>> add_schedule(Principal who, json request, IdempotencyKey key) override;
  awaitable<Result<json>> schedules(Principal who, Page page) override;
  awaitable<Result<json>> schedule(Principal who, std::string id) override;
  awaitable<Result<json>> pause_schedule(Principal who, std::string id, bool paused) override;
  awaitable<Result<json>> remove_schedule(Principal who, std::string id) override;
  awaitable<Result<json>> run_schedule(Principal who, std::string id) override;

 private:
  Error told(Principal const& who, std::string const& id, Error error) const;

  Services& services_;
  Access const& access_;
  Schedules& schedules_;
  ScheduledWork& work_;
};

}  // namespace ar::daemon
