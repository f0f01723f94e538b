// The runtime: its pause, its return after a cold start.
#include "control/api/runtime_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

#include <utility>

namespace ar::control {
namespace {

awaitable<Result<Response>> show(Call& call) { co_return respond(co_await call.api.runtime.runtime()); }

awaitable<Result<Response>> pause(Call& call) {
  auto request = call.object();
  if (!request) co_return request.error();
  auto const begun = co_await call.api.runtime.pause(std::move(*request));
  if (!begun) co_return begun.error();
  auto over = co_await while_present(call.peer, call.api.runtime.wait_paused(*begun));
  if (over) co_return respond(std::move(*over));
  co_return unavailable("wait_ended", "the daemon is stopping; the pause stays, and the next daemon is paused");
}

awaitable<Result<Response>> resume(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  co_return respond(co_await call.api.runtime.resume());
}

awaitable<Result<Response>> recovery(Call& call) { co_return respond(co_await call.api.runtime.recovery()); }

constexpr Route rows[] = {
    {.method = "GET",
     .pattern = "/v1/runtime",
     .name = "runtime",
     .summary = "whether agents are given work",
     .handler = show,
     .answer = &kRuntime,
     .answers = "`{state, since, reason?, pausedRuns: [{agent, turn, outcome}]}` (below)"},
    {.method = "POST",
     .pattern = "/v1/runtime/pause",
     .name = "pauseRuntime",
     .summary = "hand nothing new to any agent; returns when the turns that ran have ended, or their grace is over",
     .handler = pause,
     .body = Body::json,
     .request = &kPause,
     .answer = &kPaused,
     .errors = "already_pausing already_paused",
     .answers = "`{state, parked: [agent, ...], running: [agent, ...], ms}` (below)"},
    {.method = "POST",
     .pattern = "/v1/runtime/resume",
     .name = "resumeRuntime",
     .summary = "give agents work again",
     .handler = resume,
     .body = Body::json,
     .request = &kNothing,
     .answer = &kRuntime,
     .errors = "not_paused",
     .answers = "the runtime, running; 409 `not_paused`"},
    {.method = "GET",
     .pattern = "/v1/runtime/recovery",
     .name = "recovery",
     .summary = "the report of the newest cold start: what ran, what is known of it, which agents are back",
     .handler = recovery,
     .answer = &kRecovery,
     .errors = "no_recovery",
     .answers = "the report of the newest cold start ([recovery.md](recovery.md)); 404 `no_recovery`"},
};

}  // namespace

std::span<Route const> runtime_routes() { return rows; }

}  // namespace ar::control
