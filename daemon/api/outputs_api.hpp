// What has been captured of sessions' output folders, listed and given out.
#pragma once
#include "control/api/outputs_api.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/services.hpp"

#include <string>

namespace ar::daemon {

class OutputsApi final : public control::OutputsApi {
 public:
  OutputsApi(Services& services, Supervisor& supervisor) : services_(services), supervisor_(supervisor) {}

  awaitable<Result<json>> outputs(std::string session, control::OutputQuery query) override;
  awaitable<Result<control::Download>> output(std::string session, std::string id) override;
  awaitable<Result<control::Download>> archive(std::string session) override;

 private:
  Services& services_;
  Supervisor& supervisor_;
};

}  // namespace ar::daemon
