// The backend's part about people in the loop: hooks that ask, and who answers.
#include "daemon/api/backend.hpp"

namespace ar::daemon {

awaitable<Result<json>> DaemonBackend::ask(Principal who, std::string provider_session, std::string call,
                                           json payload) {
  if (auto open = check_open(); !open) co_return open.error();
  auto agent = hook_agent(who);
  if (!agent) co_return agent.error();
  co_return co_await (*agent)->ask(std::move(provider_session), std::move(call), std::move(payload));
}

void DaemonBackend::ask_left(Principal const& who, std::string const& provider_session, std::string const& call) {
  if (auto const agent = hook_agent(who)) (*agent)->ask_left(provider_session, call);
}

awaitable<Result<json>> DaemonBackend::approvals(Page page) {
  if (auto open = check_open(); !open) co_return open.error();
  if (page.agent && !supervisor_.find(*page.agent)) co_return supervisor_.get(*page.agent).error();
  Approvals::Filter filter{std::move(page.status), std::move(page.agent), page.cursor, page.limit};
  co_return co_await services_.approvals.list(std::move(filter));
}

awaitable<Result<json>> DaemonBackend::approval(std::int64_t id) {
  if (auto open = check_open(); !open) co_return open.error();
  co_return co_await services_.approvals.show(id);
}

awaitable<Result<json>> DaemonBackend::decide(std::int64_t id, json decision, std::string where) {
  if (auto open = check_open(); !open) co_return open.error();
  Decider decider{std::move(where), kOperator};
  co_return co_await services_.approvals.decide(id, std::move(decision), std::move(decider));
}

}  // namespace ar::daemon
