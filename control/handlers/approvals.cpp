// What providers ask of people: list, look, decide; and the rules that decide for them.
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

awaitable<Result<Response>> list_rules(Call& call) { co_return respond(co_await call.api.approvals.approval_rules()); }

awaitable<Result<Response>> add_rule(Call& call) {
  auto rule = call.object();
  if (!rule) co_return rule.error();
  co_return respond(co_await call.api.approvals.add_approval_rule(std::move(*rule)), 201);
}

awaitable<Result<Response>> remove_rule(Call& call) {
  co_return respond(co_await call.api.approvals.remove_approval_rule(call.name("rule")));
}

awaitable<Result<Response>> test_rules(Call& call) {
  auto request = call.object();
  if (!request) co_return request.error();
  co_return respond(co_await call.api.approvals.test_approval_rules(std::move(*request)));
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
    // Before {approval}, which this is none of.
    {.method = "GET",
     .pattern = "/v1/approval-rules",
     .name = "listApprovalRules",
     .summary = "the rules that decide approvals",
     .handler = list_rules,
     .answer = &kApprovalRuleList,
     .answers =
         "`{rules: [...]}`: the configuration's, then those that were added ([approval-rules.md](approval-rules.md))"},
    {.method = "POST",
     .pattern = "/v1/approval-rules",
     .name = "addApprovalRule",
     .summary = "have a rule decide what agents ask",
     .handler = add_rule,
     .body = Body::json,
     .request = &kNewApprovalRule,
     .answer = &kApprovalRule,
     .statuses = "201",
     .errors = "no_such_agent gone quota",
     .answers = "the rule, with its `id`"},
    {.method = "DELETE",
     .pattern = "/v1/approval-rules/{rule}",
     .name = "removeApprovalRule",
     .summary = "remove a rule that was added",
     .handler = remove_rule,
     .answer = &kApprovalRuleRemoved,
     .errors = "no_such_rule",
     .answers = "`{deleted}`: the id"},
    {.method = "POST",
     .pattern = "/v1/approval-rules/test",
     .name = "testApprovalRules",
     .summary = "what the rules would decide",
     .handler = test_rules,
     .body = Body::json,
     .request = &kRuleTest,
     .answer = &kRuleVerdict,
     .errors = "no_such_agent gone",
     .answers = "`{decision, rules, why, parts: [{text, rule, why}]}`; nothing is done"},
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
     .errors =
         "no_such_approval already_decided wrong_decision agent_not_running cannot_be_a_rule no_such_agent gone quota",
     .answers = "the approval as it is now; 409 when it was decided before, and by whom"},
};

}  // namespace

std::span<Route const> approval_routes() { return rows; }

}  // namespace ar::control
