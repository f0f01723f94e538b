#include "daemon/api/approvals_api.hpp"

namespace ar::daemon {

awaitable<Result<json>> ApprovalsApi::approvals(Page page) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  if (page.agent && !supervisor_.find(*page.agent)) co_return supervisor_.get(*page.agent).error();
  if (page.root && !supervisor_.find(*page.root)) co_return supervisor_.get(*page.root).error();
  Approvals::Filter filter{std::move(page.status), {}, page.cursor, page.limit};
  if (page.agent) filter.agents = {*page.agent};
  if (page.root) {
    filter.agents = lineage_.descendants(*page.root);
    filter.agents->push_back(*page.root);
  }
  co_return co_await approvals_.list(std::move(filter));
}

awaitable<Result<json>> ApprovalsApi::approval(std::int64_t id) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  co_return co_await approvals_.show(id);
}

awaitable<Result<json>> ApprovalsApi::decide(std::int64_t id, json decision, std::string where) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  Decider decider{std::move(where), kOperator};
  co_return co_await approvals_.decide(id, std::move(decision), std::move(decider));
}

}  // namespace ar::daemon
