// The control server's questions about agents, answered by the supervisor and by each agent.
#pragma once
#include "control/api/agents_api.hpp"
#include "daemon/api/access.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/services.hpp"

#include <string>

namespace ar::daemon {

class AgentsApi final : public control::AgentsApi {
 public:
  AgentsApi(Services& services, Supervisor& supervisor, Access const& access)
      : services_(services), supervisor_(supervisor), access_(access) {}

  awaitable<Result<control::Spawned>> spawn(Principal who, json spec, IdempotencyKey key) override;
  awaitable<Result<json>> agents(Principal who, Page page) override;
  awaitable<Result<json>> agent(std::string id) override;
  awaitable<Result<json>> remove_agent(std::string id) override;
  awaitable<Result<json>> act(std::string id, std::string verb, json params) override;
  Result<json> report_status(std::string const& id, json const& report) override;
  awaitable<Result<json>> screen(std::string id) override;
  awaitable<Result<json>> attach(std::string id) override;
  awaitable<Result<json>> turns(std::string id, Page page) override;
  awaitable<Result<json>> transcript(std::string id, Page page) override;
  awaitable<Result<json>> workspace(std::string id) override;

 private:
  awaitable<Result<void>> add_turns(std::string id, json& rows);

  Services& services_;
  Supervisor& supervisor_;
  Access const& access_;
};

}  // namespace ar::daemon
