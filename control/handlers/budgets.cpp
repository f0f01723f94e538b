// What was used, and the budgets.
#include "control/api/budgets_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

#include <algorithm>

namespace ar::control {
namespace {

/// 2026-01-31.
bool is_day(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-dd";
  return text.size() == form.size() && std::equal(text.begin(), text.end(), form.begin(), [](char c, char f) {
           return f == 'd' ? c >= '0' && c <= '9' : c == f;
         });
}

awaitable<Result<Response>> usage(Call& call) {
  auto const by = call.query.text("by").value_or("agent"), since = call.query.text("since").value_or("");
  if (!since.empty() && !is_day(since)) co_return invalid("since", "since must be a day, like 2026-01-31");
  co_return respond(co_await call.api.budgets.usage(by, since));
}

awaitable<Result<Response>> list(Call& call) { co_return respond(co_await call.api.budgets.budgets()); }

awaitable<Result<Response>> raise(Call& call) {
  auto body = call.object();
  if (!body) co_return body.error();
  co_return respond(co_await call.api.budgets.raise_budget(call.name("budget"), std::move(*body)));
}

constexpr Field usage_query[] = {
    {.name = "by", .about = "agent, if nothing is said", .words = "agent day account"},
    {.name = "since", .about = "the first day, like 2026-01-31, of the daemon's time zone"},
};

constexpr Route rows[] = {
    {.method = "GET",
     .pattern = "/v1/usage",
     .name = "usage",
     .summary = "what agents have used: tokens and cost",
     .handler = usage,
     .query = usage_query,
     .answer = &kUsageSums,
     .answers = "`{by, since, usage: [{agent or day or account, turns, inputTokens, outputTokens, cacheReadTokens, "
                "cacheWriteTokens, costUsd}]}` ([budgets.md](budgets.md))"},
    {.method = "GET",
     .pattern = "/v1/budgets",
     .name = "listBudgets",
     .summary = "the budgets of the configuration, and where they stand",
     .handler = list,
     .answer = &kBudgetList,
     .answers = "`{budgets: [...]}`, in the configuration's order"},
    {.method = "POST",
     .pattern = "/v1/budgets/{budget}/raise",
     .name = "raiseBudget",
     .summary = "let agents use more, in this day or in all",
     .handler = raise,
     .body = Body::json,
     .request = &kRaiseBudget,
     .answer = &kBudget,
     .errors = "no_such_budget",
     .answers = "the budget"},
};

}  // namespace

std::span<Route const> budget_routes() { return rows; }

}  // namespace ar::control
