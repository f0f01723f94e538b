// The providers' hooks, on their way to the agent whose they are.
#pragma once
#include "control/api/hooks_api.hpp"
#include "daemon/api/access.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/services.hpp"
#include "daemon/tools/tool_hook_chain.hpp"
#include "daemon/tools/tool_hook_client.hpp"

#include <memory>
#include <string>

namespace ar::daemon {

class HooksApi final : public control::HooksApi {
 public:
  HooksApi(Services& services, Supervisor const& supervisor, Access const& access, ToolHooks const& tool_hooks);

  awaitable<Result<json>> hook(Principal who, std::string event, std::string provider_session, json payload) override;
  awaitable<Result<json>> ask(Principal who, std::string provider_session, std::string call, json payload) override;
  void ask_left(Principal const& who, std::string const& provider_session, std::string const& call) override;

 private:
  Result<std::shared_ptr<Agent>> hook_agent(Principal const& who) const;

  Supervisor const& supervisor_;
  Access const& access_;
  ToolHooks const& tool_hooks_;
  ToolHookClient client_;
  ToolHookChain chain_;
};

}  // namespace ar::daemon
