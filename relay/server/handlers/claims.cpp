// Leases, and what becomes of messages whose leases ran out too often.
#include "relay/server/route.hpp"
#include "relay/server/scope.hpp"

namespace ar::relay::server {
namespace {

using http::Response;

awaitable<Result<Response>> claim(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto agent = in.string("agentId");
  if (auto error = in.finish()) co_return *error;
  if (auto may = call.check_agent(agent); !may) co_return may.error();
  auto const may = co_await check_may_take(call, agent);
  if (!may) co_return may.error();
  auto const claimed = co_await call.bus.claim(call.number, std::move(agent));
  if (!claimed) co_return claimed.error();
  co_return http::json_response(to_json(*claimed, true));
}

awaitable<Result<Response>> renew(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto token = in.string("token");
  if (auto error = in.finish()) co_return *error;
  auto const may = co_await check_may_take(call, {});
  if (!may) co_return may.error();
  auto const renewed = co_await call.bus.renew(call.number, std::move(token));
  if (!renewed) co_return renewed.error();
  co_return http::json_response(to_json(*renewed, true));
}

awaitable<Result<Response>> release(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto token = in.string("token");
  milliseconds const delay(in.integer("delayMs", 0, INT64_MIN, INT64_MAX));
  auto const tried = in.boolean("untried") ? Tried::no : Tried::yes;
  if (auto error = in.finish()) co_return *error;
  auto const may = co_await check_may_take(call, {});
  if (!may) co_return may.error();
  co_return done(co_await call.bus.release(call.number, std::move(token), delay, tried));
}

awaitable<Result<Response>> finish(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto token = in.string("token");
  if (auto error = in.finish()) co_return *error;
  auto const may = co_await check_may_take(call, {});
  if (!may) co_return may.error();
  co_return done(co_await call.bus.finish(call.number, std::move(token)));
}

awaitable<Result<Response>> dead(Call& call) {
  auto letters = co_await call.bus.dead_letters();
  if (!letters) co_return letters.error();
  co_return listed("dead", co_await visible(call, std::move(*letters)));
}

awaitable<Result<Response>> requeue(Call& call) {
  auto const may = co_await check_may_see(call);
  if (!may) co_return may.error();
  co_return done(co_await call.bus.requeue(call.number));
}

constexpr Route rows[] = {
    {"POST", "/api/messages/{message}/claim", "claim", Body::json, "", "take it on lease", claim},
    {"POST", "/api/messages/{message}/renew", "claim", Body::json, "", "lengthen the lease", renew},
    {"POST", "/api/messages/{message}/release", "claim", Body::json, "", "give it back, at once or later", release},
    {"POST", "/api/messages/{message}/finish", "claim", Body::json, "", "it is done", finish},
    {"GET", "/api/dead", "read", Body::none, "", "dead letters", dead},
    {"POST", "/api/dead/{message}/requeue", "claim", Body::none, "", "give a dead letter another try", requeue},
};

}  // namespace

std::span<Route const> claim_routes() { return rows; }

}  // namespace ar::relay::server
