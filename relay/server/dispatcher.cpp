#include "relay/server/dispatcher.hpp"

#include "base/ids.hpp"
#include "relay/protocol.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::relay::server {
namespace {

using http::Request;
using http::Response;

TokenInfo local_operator() {
  TokenInfo who;
  who.jti = "operator";
  who.profile = "operator";
  who.scope.rights = {"*"};
  return who;
}

Error internal_fault(char const* what) {
  spdlog::error("a relay handler ended by an exception: {}", what);
  return internal("internal_error", "the relay has a fault here; its log says more");
}

bool is_number(std::string_view parameter) {
  return parameter == "message" || parameter == "task" || parameter == "command";
}

}  // namespace

Dispatcher::Dispatcher(EmbeddedBus& bus, Sessions& sessions, ServerLimits const& limits)
    : bus_(bus), sessions_(sessions), limits_(limits), router_(routes(), "docs/relay-protocol.md") {}

Result<Dispatcher::Admitted> Dispatcher::check(Request const& head, Response& refusal) const {
  for (auto const* once : {"host", "authorization"})
    if (head.count(once) > 1) return invalid(once, std::string("the header ") + once + " is given twice; give it once");
  if (head.header("origin")) return forbidden("web pages may not call the relay; send no Origin header");
  auto match = router_.match(head);
  if (!match) return match.error();
  Route const* const route = match->route ? &routes()[*match->route] : nullptr;

  Admitted admitted{};
  if (!route || route->right != "none") {
    auto const token = http::bearer_token(head);
    if (!token) return token.error();
    if (*token)
      admitted.token = std::string(**token);
    else if (head.token_needed)
      return Error{ErrorKind::unauthorized, "token_required",
                   "every request needs \"Authorization: Bearer TOKEN\"; `agent-runner relay token issue` makes one"};
  }
  admitted.stranger = !admitted.token && head.token_needed;
  if (auto const there = router_.check(head, *match, refusal); !there) return there.error();
  auto query = http::Query::parse(match->query);
  if (!query) return query.error();
  if (auto const stranger = query->unknown(route->query))
    return invalid(*stranger, *stranger + " is no parameter of " + std::string(route->pattern) +
                                  (route->query.empty() ? "; it has none" : "; it has: " + std::string(route->query)));
  // By the numbers of another store, the wrong message would be claimed, read or answered.
  if (auto const meant = head.header(kStoreHeader); meant && *meant != bus_.store().id) return other_store();
  for (auto& [parameter, value] : match->arguments) {
    if (!is_number(parameter)) {
      admitted.name = std::move(value);
      continue;
    }
    auto const number = http::parse_number(value);
    std::string const field(parameter);
    if (!number) return invalid(field, "a " + field + " is named by its number in the path, like 12");
    admitted.number = *number;
  }
  admitted.route = route;
  admitted.query = std::move(*query);
  return admitted;
}

std::variant<http::Admission, Response> Dispatcher::admit(Request const& head) {
  Response refusal;
  refusal.status = 0;
  auto admitted = check(head, refusal);
  if (!admitted) {
    Response response = http::problem(admitted.error(), refusal.status);
    std::ranges::move(refusal.headers, std::back_inserter(response.headers));
    return response;
  }
  auto const limit = admitted->route->body == Body::bytes ? bus_.limits().max_attachment_bytes : limits_.request_bytes;
  auto const shared = std::make_shared<Admitted>(std::move(*admitted));
  return http::Admission{limit, [this, shared] { return identify(shared); },
                         [this, shared](Request request, http::Peer&) { return handle(shared, std::move(request)); },
                         [this, shared] { return share_of(*shared); }};
}

http::Share Dispatcher::share_of(Admitted const& admitted) const {
  if (!admitted.token) return admitted.stranger ? http::Share{"nobody", limits_.requests} : http::Share();
  bool const some = !admitted.who.scope.agent_ids.empty();
  return {"token " + admitted.who.jti, some ? limits_.requests : limits_.daemon_requests};
}

awaitable<std::optional<Response>> Dispatcher::identify(std::shared_ptr<Admitted> admitted) const {
  Route const& route = *admitted->route;
  admitted->who = local_operator();
  if (admitted->token) {
    auto known = co_await bus_.check_token(*admitted->token);
    if (!known) {
      // Another code than for a token in a body: this one is the caller's own.
      auto error = known.error();
      if (error.kind == ErrorKind::unauthorized) {
        error.code = "bad_token";
        bad_tokens_.note("HTTP", std::string(route.method) + " " + std::string(route.pattern));
      }
      co_return http::problem(error);
    }
    admitted->who = std::move(*known);
  }
  if (route.right == "none" || route.right == "any" || has_right(admitted->who, route.right)) co_return std::nullopt;
  co_return http::problem(forbidden("token " + admitted->who.jti + " has no right \"" + std::string(route.right) +
                                    "\", which " + std::string(route.method) + " " + std::string(route.pattern) +
                                    " needs"));
}

awaitable<Response> Dispatcher::handle(std::shared_ptr<Admitted> admitted, Request request) const {
  auto const start = Clock::now();
  Route const& route = *admitted->route;
  Call call{.bus = bus_,
            .sessions = sessions_,
            .uploads = *uploads_,
            .who = std::move(admitted->who),
            .request = std::move(request),
            .query = std::move(admitted->query),
            .name = std::move(admitted->name),
            .number = admitted->number};
  Response response;
  try {
    auto result = co_await route.handler(call);
    response = result ? std::move(*result) : http::problem(result.error());
  } catch (boost::system::system_error const& e) {
    if (e.code() == net::error::operation_aborted) throw;
    response = http::problem(internal_fault(e.what()));
  } catch (std::exception const& e) {
    response = http::problem(internal_fault(e.what()));
  }
  if (spdlog::should_log(spdlog::level::debug))
    spdlog::debug("relay: {} {} by {}: {} in {} us", route.method, route.pattern, call.who.jti, response.status,
                  std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
  co_return response;
}

}  // namespace ar::relay::server
