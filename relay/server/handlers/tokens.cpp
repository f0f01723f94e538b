// Tokens and attachments.
#include "relay/server/route.hpp"
#include "relay/server/scope.hpp"
#include "relay/server/sessions.hpp"

#include <algorithm>

namespace ar::relay::server {
namespace {

using http::Response;

Response issued(IssuedToken const& token, int status) {
  json const answer = {{"token", token.token}, {"info", to_json(token.info)}};
  return http::json_response(answer, status);
}

awaitable<Result<Response>> issue(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto profile = in.string("profile");
  TokenScope scope;
  scope.agent_ids = in.strings("agentIds");
  scope.rights = in.strings("rights");
  auto const lifetime = in.maybe_integer("lifetimeMs");
  auto name = in.maybe_string("name").value_or("");
  if (auto error = in.finish()) co_return *error;
  if (auto may = check_no_wider(call.who, scope); !may) co_return may.error();
  std::optional<milliseconds> time;
  if (lifetime) time = milliseconds(*lifetime);
  auto const token = co_await call.bus.issue_token(std::move(profile), std::move(scope), time, std::move(name));
  if (!token) co_return token.error();
  co_return issued(*token, 201);
}

awaitable<Result<Response>> list(Call& call) {
  auto all = co_await call.bus.tokens();
  if (all) std::erase_if(*all, [&](TokenInfo const& one) { return check_no_wider(call.who, one.scope).has_error(); });
  co_return listed("tokens", std::move(all));
}

awaitable<Result<Response>> check(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto token = in.string("token");
  if (auto error = in.finish()) co_return *error;
  co_return shown(co_await call.bus.check_token(std::move(token)));
}

awaitable<Result<Response>> revoke(Call& call) {
  auto const all = co_await call.bus.tokens();
  if (!all) co_return all.error();
  for (auto const& one : *all)
    if (one.jti == call.name || (one.name == call.name && !one.revoked))
      if (auto may = check_no_wider(call.who, one.scope); !may) co_return may.error();
  auto const revoked = co_await call.bus.revoke_token(call.name);
  if (revoked) call.sessions.check_tokens_now();
  co_return done(revoked);
}

/// The caller's own token, or the one in the body: who has it may renew it.
awaitable<Result<Response>> renew(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto named = in.maybe_string("token");
  if (auto error = in.finish()) co_return *error;
  if (!named) {
    auto const own = http::bearer_token(call.request);
    named = own && *own ? std::string(**own) : std::string();
  }
  auto const token = co_await call.bus.renew_token(std::move(*named));
  if (!token) co_return token.error();
  co_return issued(*token, 200);
}

awaitable<Result<Response>> put_attachment(Call& call) {
  auto name = call.query.text("name").value_or("");
  auto type = call.query.text("mediaType").value_or("");
  auto const& agents = call.who.scope.agent_ids;
  auto const bytes = call.request.body.size();
  if (auto room = call.uploads.check_room(agents, bytes); !room) co_return room.error();
  auto const stored = co_await call.bus.put_attachment(std::move(name), std::move(type), std::move(call.request.body));
  if (stored) call.uploads.note(agents, stored->id, bytes);
  co_return shown(stored, 201);
}

awaitable<Result<Response>> attachment(Call& call) {
  auto const may = co_await check_may_see_attachment(call);
  if (!may) co_return may.error();
  auto bytes = co_await call.bus.attachment_bytes(call.name);
  if (!bytes) co_return bytes.error();
  co_return Response{.content_type = "application/octet-stream", .body = std::move(*bytes)};
}

constexpr Route rows[] = {
    {"POST", "/api/tokens", "tokens", Body::json, "", "issue a token, with no more rights than one's own", issue},
    {"GET", "/api/tokens", "tokens", Body::none, "", "all tokens, without their secrets", list},
    {"POST", "/api/tokens/check", "any", Body::json, "", "what a token may do", check},
    {"DELETE", "/api/tokens/{jti}", "tokens", Body::none, "", "revoke a token, at once", revoke},
    {"POST", "/api/runtime-tokens/runner-renew", "any", Body::json, "", "a new token for one that ends", renew},
    {"POST", "/api/attachments", "attachments", Body::bytes, "name mediaType", "store a file's bytes", put_attachment},
    {"GET", "/api/attachments/{attachment}", "attachments", Body::none, "", "a stored file's bytes", attachment},
};

}  // namespace

std::span<Route const> token_routes() { return rows; }

}  // namespace ar::relay::server
