// Users: who has how many agents.
#include "control/api/users_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

awaitable<Result<Response>> list(Call& call) {
  Page page;
  page.limit = static_cast<int>(call.integer("limit"));
  page.after = call.query.text("cursor").value_or("");
  co_return respond(co_await call.api.users.users(std::move(page)));
}

constexpr Field users_query[] = {kLimit, kNameCursor};

constexpr Route rows[] = {
    {.method = "GET",
     .pattern = "/v1/users",
     .name = "listUsers",
     .summary = "who has how many agents",
     .handler = list,
     .query = users_query,
     .answer = &kUserList,
     .answers = "`{users: [{kind, name, agents, running}], nextCursor?}` ([children.md](children.md))"},
};

}  // namespace

std::span<Route const> user_routes() { return rows; }

}  // namespace ar::control
