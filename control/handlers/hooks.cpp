// What the providers' hooks tell and ask (spec 4.2).
#include "control/route.hpp"

namespace ar::control {
namespace {

awaitable<Result<Response>> hook(Call& call) {
  auto payload = call.object();
  if (!payload) co_return payload.error();
  std::string session(call.request.header("x-provider-session").value_or(""));
  auto work = call.backend.hook(call.who, call.name, std::move(session), std::move(*payload));
  Result<json> answer = unavailable("client_gone", "the hook left before it was answered, or the daemon is stopping");
  if (call.name == "PermissionRequest") {
    // It may wait for a person; when the provider withdraws the question its hook is gone.
    auto waited = co_await while_present(call.client, std::move(work));
    if (waited) answer = std::move(*waited);
  } else {
    answer = co_await std::move(work);
  }
  if (!answer) co_return answer.error();
  if (answer->is_null() || (answer->is_object() && answer->empty())) co_return Response{.status = 204};
  co_return json_response(*answer);
}

constexpr Route rows[] = {
    {"POST", "/v1/hooks/{event}", Right::agent, Body::hook, "", "a provider's hook call (X-Provider-Session header)",
     hook},
};

}  // namespace

std::span<Route const> hook_routes() { return rows; }

}  // namespace ar::control
