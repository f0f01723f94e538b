// Who is asked about agents' tool calls.
#include "control/api/tool_hooks_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

awaitable<Result<Response>> add(Call& call) {
  auto hook = call.object();
  if (!hook) co_return hook.error();
  auto const added = co_await call.api.tool_hooks.add_tool_hook(std::move(*hook));
  if (!added) co_return added.error();
  co_return json_response(added->hook, added->created ? 201 : 200);
}

awaitable<Result<Response>> list(Call& call) { co_return respond(co_await call.api.tool_hooks.tool_hooks()); }

awaitable<Result<Response>> remove(Call& call) {
  co_return respond(co_await call.api.tool_hooks.remove_tool_hook(call.name("hook")));
}

constexpr Route rows[] = {
    {.method = "POST",
     .pattern = "/v1/tool-hooks",
     .name = "addToolHook",
     .summary = "have somebody asked before or after agents' tool calls",
     .handler = add,
     .body = Body::json,
     .request = &kNewToolHook,
     .answer = &kToolHook,
     .statuses = "201 200",
     .errors = "host_not_allowed quota",
     .answers =
         "the hook, with its `id` ([tool-hooks.md](tool-hooks.md)). 200: it has taken the place of the one of its "
         "owner and name, whose id is gone"},
    {.method = "GET",
     .pattern = "/v1/tool-hooks",
     .name = "listToolHooks",
     .summary = "the tool hooks, in the order of registration",
     .handler = list,
     .answer = &kToolHookList,
     .answers = "`{hooks: [...]}`: at most 64, so all of them"},
    {.method = "DELETE",
     .pattern = "/v1/tool-hooks/{hook}",
     .name = "removeToolHook",
     .summary = "ask it no more",
     .handler = remove,
     .answer = &kToolHookRemoved,
     .errors = "no_such_tool_hook",
     .answers = "`{deleted}`: the id"},
};

}  // namespace

std::span<Route const> tool_hook_routes() { return rows; }

}  // namespace ar::control
