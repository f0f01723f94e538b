#include "daemon/api/hooks_api.hpp"

namespace ar::daemon {
namespace {

json turn_of(Agent const& agent) {
  auto const* const turn = agent.turn();
  return turn ? json{{"id", turn->id}, {"sequence", turn->number - 1}} : json();
}

}  // namespace

HooksApi::HooksApi(Services& services, Supervisor const& supervisor, Access const& access, ToolHooks const& tool_hooks)
    : supervisor_(supervisor),
      access_(access),
      tool_hooks_(tool_hooks),
      client_(services.executor, services.config, services.files, tool_hooks),
      chain_(tool_hooks, services.events, [this](ToolHook hook, std::string body, Clock::duration patience) {
        return client_.ask(std::move(hook), std::move(body), patience);
      }) {}

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
  auto told = (*agent)->hook(event, provider_session, payload);
  if (!told || tool_hooks_.empty()) co_return told;
  auto const provider = (*agent)->provider();  // it may be let go while the hooks are asked
  auto const call = provider->tool_call(event, payload);
  if (!call) co_return told;
  ToolCaller const caller{(*agent)->id(), turn_of(**agent)};
  auto const verdict = co_await chain_.run(caller, *call);
  auto answer = provider->tool_answer(event, payload, verdict);
  if (!answer.shortfall.empty()) chain_.fell_short(caller, *call, answer.shortfall);
  co_return ok(std::move(answer.output));
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
