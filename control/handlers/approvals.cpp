// What providers ask of people: list, look, decide.
#include "control/api/approvals_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

awaitable<Result<Response>> list(Call& call) {
  Page page = call.page();
  page.status = call.query.text("status");
  page.agent = call.query.text("agent");
  page.root = call.query.text("root");
  if (page.agent && page.root) co_return invalid("root", "give agent or root, not both");
  co_return respond(co_await call.api.approvals.approvals(std::move(page)));
}

awaitable<Result<Response>> show(Call& call) {
  co_return respond(co_await call.api.approvals.approval(call.number("approval")));
}

awaitable<Result<Response>> decide(Call& call) {
  auto decision = call.object();
  if (!decision) co_return decision.error();
  auto const agent = call.request.header("user-agent").value_or("");
  std::string where = agent.starts_with(command_line_agent) ? "cli" : "http";
  co_return respond(
      co_await call.api.approvals.decide(call.number("approval"), std::move(*decision), std::move(where)));
}

constexpr Field approvals_query[] = {{.name = "status"},
                                     {.name = "agent"},
                                     {.name = "root", .about = "of this agent and its descendants"},
                                     kLimit,
                                     kCursor};

constexpr Route rows[] = {
    {.method = "GET",
     .pattern = "/v1/approvals",
     .name = "listApprovals",
     .summary = "permission requests, questions and dialogs, newest first",
     .handler = list,
     .query = approvals_query,
     .answer = &kApprovalList,
     .errors = "no_such_agent gone",
     .answers = "`{approvals: [...], nextCursor?}`, newest first"},
    {.method = "GET",
     .pattern = "/v1/approvals/{approval}",
     .name = "showApproval",
     .summary = "one of them",
     .handler = show,
     .answer = &kApproval,
     .errors = "no_such_approval",
     .answers = "the approval (below)"},
    {.method = "POST",
     .pattern = "/v1/approvals/{approval}/decision",
     .name = "decide",
     .summary = "decide it; the first one wins",
     .handler = decide,
     .body = Body::json,
     .request = &kDecision,
     .answer = &kApproval,
     .errors = "no_such_approval already_decided wrong_decision agent_not_running",
     .answers = "the approval as it is now; 409 when it was decided before, and by whom"},
};

}  // namespace

std::span<Route const> approval_routes() { return rows; }

}  // namespace ar::control
