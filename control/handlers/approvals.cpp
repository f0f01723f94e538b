// What providers ask of people: list, look, decide.
#include "control/api/approvals_api.hpp"
#include "control/route.hpp"

namespace ar::control {
namespace {

awaitable<Result<Response>> list(Call& call) {
  Page page;
  page.status = call.query.text("status");
  page.agent = call.query.text("agent");
  page.limit = static_cast<int>(call.query.integer("limit", 100, 1, 1000));
  page.cursor = call.query.integer("cursor", 0, 0, INT64_MAX);
  if (call.query.error()) co_return *call.query.error();
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

constexpr Route rows[] = {
    {"GET", "/v1/approvals", Right::operator_, Body::none, "status agent limit cursor",
     "permission requests, questions and dialogs, newest first", list},
    {"GET", "/v1/approvals/{approval}", Right::operator_, Body::none, "", "one of them", show},
    {"POST", "/v1/approvals/{approval}/decision", Right::operator_, Body::json, "", "decide it; the first one wins",
     decide},
};

}  // namespace

std::span<Route const> approval_routes() { return rows; }

}  // namespace ar::control
