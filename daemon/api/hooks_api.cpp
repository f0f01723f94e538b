#include "daemon/api/hooks_api.hpp"

namespace ar::daemon {

Result<std::shared_ptr<Agent>> HooksApi::hook_agent(Principal const& who) const {
  if (who.kind != Principal::Kind::agent)
    return Error{ErrorKind::forbidden, "not_an_agent",
                 "hooks are called with the agent's own token (AGENT_RELAY_TOKEN)"};
  return supervisor_.get(who.agent_id);
}

awaitable<Result<json>> HooksApi::hook(Principal who, std::string event, std::string provider_session, json payload) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto agent = hook_agent(who);
  if (!agent) co_return agent.error();
  co_return (*agent)->hook(event, provider_session, payload);
}

awaitable<Result<json>> HooksApi::ask(Principal who, std::string provider_session, std::string call, json payload) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto agent = hook_agent(who);
  if (!agent) co_return agent.error();
  co_return co_await (*agent)->ask(std::move(provider_session), std::move(call), std::move(payload));
}

void HooksApi::ask_left(Principal const& who, std::string const& provider_session, std::string const& call) {
  if (auto const agent = hook_agent(who)) (*agent)->ask_left(provider_session, call);
}

}  // namespace ar::daemon
