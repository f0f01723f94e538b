// The accounts of the agents and what holds them.
#include "control/api/limits_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

awaitable<Result<Response>> list(Call& call) { co_return respond(co_await call.api.limits.limits()); }

awaitable<Result<Response>> release(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  co_return respond(co_await call.api.limits.release_limit(call.name("account")));
}

awaitable<Result<Response>> hold(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  co_return respond(co_await call.api.limits.hold_limit(call.name("account"), text_at(*body, "reason")));
}

awaitable<Result<Response>> forget(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  co_return respond(co_await call.api.limits.forget_limit(call.name("account")));
}

constexpr Route rows[] = {
    {.method = "GET",
     .pattern = "/v1/limits",
     .name = "listLimits",
     .summary = "the accounts that agents use or that are held",
     .handler = list,
     .answer = &kLimitList,
     .answers = "`{limits: [{account, provider, agents, hold, foundBy?, login?, probe?}]}`, by name "
                "([limits.md](limits.md)): one for each login that an agent uses, so all of them"},
    {.method = "POST",
     .pattern = "/v1/limits/{account}/release",
     .name = "releaseLimit",
     .summary = "end the wait: one message goes now and shows whether the others may follow",
     .handler = release,
     .body = Body::json,
     .request = &kNothing,
     .answer = &kAccount,
     .errors = "no_such_account",
     .answers = "the account; what a person holds goes on without that"},
    {.method = "POST",
     .pattern = "/v1/limits/{account}/hold",
     .name = "holdLimit",
     .summary = "give its agents nothing until it is released",
     .handler = hold,
     .body = Body::json,
     .request = &kHoldLimit,
     .answer = &kAccount,
     .errors = "no_such_account",
     .answers = "the account"},
    {.method = "POST",
     .pattern = "/v1/limits/{account}/forget",
     .name = "forgetLimit",
     .summary = "drop what holds it: its agents go on, one after the other",
     .handler = forget,
     .body = Body::json,
     .request = &kNothing,
     .answer = &kAccount,
     .errors = "no_such_account",
     .answers = "the account"},
};

}  // namespace

std::span<Route const> limit_routes() { return rows; }

}  // namespace ar::control
