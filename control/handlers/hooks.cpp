// What the providers' hooks tell and ask.
#include "base/ids.hpp"
#include "control/api/hooks_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

constexpr std::size_t longest_call = 64;

awaitable<Result<Response>> hook(Call& call) {
  auto payload = call.object();
  if (!payload) co_return payload.error();
  std::string session(call.request.header("x-provider-session").value_or(""));
  Result<json> answer = unavailable("stopping", "the daemon is stopping; the hook will come again");
  if (call.name("event") == "PermissionRequest") {
    // It may wait for a person; when one has said no at the terminal its hook is gone.
    std::string id(call.request.header("x-hook-call").value_or(""));
    if (id.size() > longest_call) co_return invalid("X-Hook-Call", "an X-Hook-Call has at most 64 bytes");
    if (id.empty()) id = new_uuid();
    auto waited = co_await while_present(call.peer, call.api.hooks.ask(call.who, session, id, std::move(*payload)));
    if (waited)
      answer = std::move(*waited);
    else if (!call.peer.stopping())
      call.api.hooks.ask_left(call.who, session, id);
  } else if (may_wait(call.name("event"))) {
    auto waited = co_await while_present(
        call.peer, call.api.hooks.hook(call.who, call.name("event"), std::move(session), std::move(*payload)));
    if (waited) answer = std::move(*waited);
  } else {
    answer = co_await call.api.hooks.hook(call.who, call.name("event"), std::move(session), std::move(*payload));
  }
  if (!answer) co_return answer.error();
  if (answer->is_null() || (answer->is_object() && answer->empty())) co_return Response{.status = 204};
  co_return json_response(*answer);
}

constexpr Route rows[] = {
    {.method = "POST",
     .pattern = "/v1/hooks/{event}",
     .name = "hook",
     .summary = "a provider's hook call",
     .handler = hook,
     .right = Right::agent,
     .body = Body::hook,
     .headers = "X-Provider-Session X-Hook-Call",
     .request = &kHookPayload,
     .answer = &kHookOutput,
     .statuses = "200 204",
     .errors =
         "not_an_agent no_such_agent gone agent_not_running stale_provider_session unknown_hook message_not_found "
         "not_its_approval too_large unsupported",
     .answers = "the provider's hook output"},
};

}  // namespace

std::span<Route const> hook_routes() { return rows; }

}  // namespace ar::control
