#include "control/dispatcher.hpp"

#include "base/http_error.hpp"
#include "control/access.hpp"
#include "control/api/authenticator.hpp"
#include "control/api/hooks_api.hpp"
#include "control/error_codes.hpp"
#include "control/event_stream.hpp"
#include "model/memory.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::control {
namespace {

std::string path_of(Request const& request) { return request.target.substr(0, request.target.find('?')); }

std::string name_of(Principal const& who) {
  switch (who.kind) {
    case Principal::Kind::anonymous: return "anonymous";
    case Principal::Kind::operator_: return "operator";
    case Principal::Kind::agent: return "agent " + who.agent_id;
  }
  return "anonymous";
}

/// What a request without a token has in its place, where it asks for a stream that takes one.
std::optional<std::string> ticket_of(Request const& head, Route const* route, std::string_view query) {
  bool const streams = route && takes_ticket(*route) && (wants_server_sent_events(head) || wants_websocket(head));
  if (!streams || head.header("authorization")) return std::nullopt;
  auto const parameters = Query::parse(query);
  return parameters ? parameters->text("ticket") : std::nullopt;
}

/// What an agent's token reaches of what a path names: that agent, its descendants where the route says so, its own
/// memory and the shared one. A ticket reaches the agent that it is for.
std::optional<Error> check_reach(Authenticator const& families, Right right, std::string const& agent, bool ticket,
                                 std::vector<http::Router::Argument> const& path) {
  auto const named = [&](std::string_view parameter) -> std::string const* {
    auto const it = std::ranges::find(path, parameter, &http::Router::Argument::parameter);
    return it == path.end() ? nullptr : &it->value;
  };
  auto const* other = named("agent");
  if (!other) other = named("session");
  bool const itself = other && *other == agent && right != Right::descendants;
  bool const below = other && !ticket && right != Right::agent && families.is_descendant(*other, agent);
  if (other && !itself && !below) {
    std::string const reach = ticket || right == Right::agent ? "token or ticket reaches that agent only"
                              : right == Right::family        ? "token reaches that agent and its descendants here"
                                                              : "token reaches its descendants here, and not itself";
    return Error{ErrorKind::forbidden, "not_your_agent", "an agent's " + reach + "; this is the one of " + agent};
  }
  auto const* const scope = named("scope");
  auto const* const id = named("id");
  bool const own = scope && *scope == kAgentScope && id && *id == agent;
  if (!scope || *scope == kSharedScope || own) return std::nullopt;
  return Error{ErrorKind::forbidden, "not_your_memory",
               "an agent's token reaches the memory shared/... and its own, agent/" + agent};
}

constexpr auto kNow = Clock::duration::zero();

Error too_often(std::string const& what, Rate const& rate, Clock::duration wait, Response& refused) {
  refused.headers.push_back(retry_after(wait));
  auto const period = std::chrono::ceil<std::chrono::seconds>(rate.period).count();
  return unavailable("too_many_requests", what + " " + std::to_string(rate.most) + " times within " +
                                              std::to_string(period) +
                                              " s, the most; Retry-After says when to ask again");
}

std::string rate_name(Call const& call) { return std::string(call.route.name) + " by " + name_of(call.who); }

Error internal_fault(char const* what) {
  spdlog::error("a control handler ended by an exception: {}", what);
  return internal("internal_error", "the daemon has a fault here; its log says more");
}

}  // namespace

Dispatcher::Dispatcher(Api const& api, Limits const& limits)
    : api_(api),
      limits_(limits),
      router_(routes(), "docs/control-api.md"),
      idempotent_(api.idempotency),
      tickets_(limits_) {}

std::size_t Dispatcher::body_limit(Body body) const {
  switch (body) {
    case Body::none:
    case Body::json: return limits_.body_bytes;
    case Body::message: return limits_.message_bytes;
    case Body::hook: return limits_.hook_bytes;
    case Body::attachment:
    case Body::skill: return limits_.attachment_bytes;
  }
  return limits_.body_bytes;
}

/// An agent's hooks are counted apart from what else it asks, and those that may wait by themselves: neither its own
/// programs nor other agents can keep the hooks of one, or the people who are to answer them, from the door.
http::Share Dispatcher::share_of(Admitted const& admitted) const {
  if (admitted.who.kind == Principal::Kind::operator_) return {};
  auto const name = name_of(admitted.who);
  if (admitted.route->body != Body::hook) return {name, limits_.agent_requests};
  bool const waits = std::ranges::any_of(
      admitted.path, [](auto const& argument) { return argument.parameter == "event" && may_wait(argument.value); });
  return {"hooks of " + name, waits ? limits_.agent_waits : limits_.agent_requests, waits};
}

Result<Tickets::Grant> Dispatcher::authenticate(Request const& head) const {
  auto const token = http::bearer_token(head);
  if (!token) return token.error();
  if (*token) {
    auto who = api_.authenticator.authenticate(**token);
    if (!who) return who.error();
    return Tickets::Grant{*who, who->agent_id};
  }
  if (!head.token_needed) return Tickets::Grant{{Principal::Kind::operator_}};
  return Error{ErrorKind::unauthorized, "token_required",
               "over TCP and at the agents' socket every request needs \"Authorization: Bearer TOKEN\"; the operator's "
               "token is in the state directory, an agent's in its environment"};
}

Result<Dispatcher::Admitted> Dispatcher::check(Request const& head, Response& refusal) const {
  for (auto const* once :
       {"host", "origin", "authorization", "idempotency-key", "last-event-id", "if-match", "if-none-match"})
    if (head.count(once) > 1) return invalid(once, std::string("the header ") + once + " is given twice; give it once");
  if (auto error = check_host_and_origin(head, port_)) return *error;

  auto match = router_.match(head);
  if (!match) return match.error();
  Route const* const route = match->route ? &routes()[*match->route] : nullptr;

  Admitted admitted{};
  auto const ticket = ticket_of(head, route, match->query);
  std::string only_agent;  // that who asks may reach; empty: all
  // Strangers learn nothing of what exists: who asks comes before what was asked for.
  bool const agents_door = head.over_unix && head.token_needed;
  if (!route || route->right != Right::none || agents_door) {
    auto grant = ticket ? tickets_.redeem(*ticket) : authenticate(head);
    bool const unknown = !grant && grant.error().kind == ErrorKind::unauthorized;
    if (unknown && (ticket || head.header("authorization"))) {
      std::string const door = head.over_unix ? "a unix socket" : "TCP";
      bad_tokens_.note(door, head.method + " " + path_of(head));
      if (auto const wait = rates_.take("wrong tokens over " + door, limits_.wrong_tokens); wait > kNow)
        return too_often("wrong tokens were tried over " + door, limits_.wrong_tokens, wait, refusal);
    }
    if (!grant) return grant.error();
    admitted.who = std::move(grant->who);
    only_agent = std::move(grant->agent);
  } else if (!head.token_needed && !head.header("authorization")) {
    admitted.who = Principal{Principal::Kind::operator_};  // for whom a full door has room
  }
  if (auto const there = router_.check(head, *match, refusal); !there) return there.error();
  if (!only_agent.empty()) {
    if (route->right == Right::operator_)
      return Error{
          ErrorKind::forbidden, "operator_only",
          "an agent's token or ticket does not reach " + std::string(route->pattern) + "; the operator's does"};
    if (auto refused = check_reach(api_.authenticator, route->right, only_agent, ticket.has_value(), match->arguments))
      return *refused;
  }
  auto query = Query::parse(match->query);
  if (!query) return query.error();
  if (auto wrong = check_query(*route, *query)) return *wrong;
  if (!ticket && query->text("ticket"))
    return invalid(
        "ticket",
        "a ticket opens a stream (Accept: text/event-stream, or Upgrade: websocket), in the place of a token");
  admitted.route = route;
  admitted.query = std::move(*query);
  admitted.path = std::move(match->arguments);
  return admitted;
}

std::variant<http::Admission, Response> Dispatcher::admit(Request const& head) {
  auto const start = Clock::now();
  Response refusal;
  refusal.status = 0;
  auto admitted = [&]() -> Result<Admitted> {
    try {
      return check(head, refusal);
    } catch (std::exception const& e) {
      return internal_fault(e.what());
    }
  }();
  if (admitted) {
    auto const limit = body_limit(admitted->route->body);
    auto share = share_of(*admitted);
    return http::Admission{limit,
                           {},
                           [this, admitted = std::move(*admitted)](Request request, Peer& peer) mutable {
                             return handle(std::move(admitted), std::move(request), peer);
                           },
                           [share = std::move(share)] { return share; }};
  }
  Response response =
      refusal.status == 0 ? control::refusal(admitted.error()) : problem(admitted.error(), refusal.status);
  std::ranges::move(refusal.headers, std::back_inserter(response.headers));
  log(head, {}, response, start);
  return response;
}

awaitable<Response> Dispatcher::handle(Admitted admitted, Request request, Peer& peer) {
  auto const start = Clock::now();
  Call call{.route = *admitted.route,
            .api = api_,
            .peer = peer,
            .who = std::move(admitted.who),
            .request = std::move(request),
            .query = std::move(admitted.query),
            .path = std::move(admitted.path),
            .limits = limits_,
            .tickets = tickets_,
            .server = *this};
  Response response;
  try {
    std::optional<Error> error;
    for (auto const& argument : call.path)
      if (!error) error = check_argument(argument);
    Response refused;
    if (!error) error = check_rate(call, refused);
    if (error) {
      response = refusal(*error);
      std::ranges::move(refused.headers, std::back_inserter(response.headers));
    } else {
      auto result = co_await carry_out(call);
      response = result ? std::move(*result) : refusal(result.error());
      // A request that is wrong has cost little, and keeps nobody from sending it right.
      bool const wrong = response.status == 400 || response.status == 404;
      if (wrong && call.route.rate) rates_.give_back(rate_name(call));
      if (limits_.check_answers)
        result ? check_answer(call.route, response) : check_refusal(call.route, result.error());
    }
  } catch (boost::system::system_error const& e) {
    if (e.code() == net::error::operation_aborted) throw;
    response = problem(internal_fault(e.what()));
  } catch (std::exception const& e) {
    response = problem(internal_fault(e.what()));
  }
  log(call.request, call.who, response, start);
  co_return response;
}

std::optional<Error> Dispatcher::check_rate(Call const& call, Response& refused) {
  auto const rate = call.route.rate;
  if (!rate) return std::nullopt;
  auto const wait = rates_.take(rate_name(call), limits_.*rate);
  if (wait == kNow) return std::nullopt;
  return too_often(std::string(call.route.name) + " was asked for by " + name_of(call.who), limits_.*rate, wait,
                   refused);
}

awaitable<Result<Response>> Dispatcher::carry_out(Call& call) {
  auto key = read_key(call.route, call.request);
  if (!key) co_return key.error();
  call.key = std::move(*key);
  if (call.key.key.empty() || call.route.knows_keys) co_return co_await call.route.handler(call);
  co_return co_await idempotent_.answer(call, name_of(call.who));
}

/// Programs are built on the schemas: an answer that has anything else is a fault of ours.
void Dispatcher::check_answer(Route const& route, Response const& response) {
  bool const refused = response.status >= 400;  // by the handler itself, which chose the problem's status
  bool const empty = response.content_type.empty();
  if (!route.answer || refused || empty || response.stream || response.websocket) return;
  auto const document = parse_json(response.body);
  auto const fault = document ? fault_of_answer(*route.answer, *document) : document.error().message;
  if (!fault.empty())
    spdlog::error("bug: the answer of {} {} is not as its schema says: {}", route.method, route.pattern, fault);
}

void Dispatcher::check_refusal(Route const& route, Error const& error) {
  if (http::status_of(error.kind) >= 500 || may_answer(route, error.code)) return;
  spdlog::error("bug: {} {} was refused with the code {}, which its row does not tell of", route.method, route.pattern,
                error.code);
}

void Dispatcher::log(Request const& request, Principal const& who, Response const& response,
                     Clock::time_point start) const {
  auto const level = response.status == 500 ? spdlog::level::warn : spdlog::level::debug;
  if (!spdlog::should_log(level)) return;
  auto const micros = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count();
  spdlog::log(level, "control: {} {} by {} over {}: {} in {} us", request.method, path_of(request), name_of(who),
              request.over_unix ? "unix" : "tcp", response.status, micros);
}

}  // namespace ar::control
