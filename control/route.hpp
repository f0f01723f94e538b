// A route as data: what it matches, who may use it, what it takes, and the handler. Handlers stand in
// handlers/, by subject, each file with its own rows; routes() is all of them.
#pragma once
#include "base/http/http.hpp"
#include "base/http/peer.hpp"
#include "base/http/router.hpp"
#include "base/http/url.hpp"
#include "control/api/api.hpp"
#include "model/page.hpp"
#include "model/principal.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ar::control {

using http::json_response;
using http::json_text_response;
using http::lower_case;
using http::parse_number;
using http::Peer;
using http::problem;
using http::Query;
using http::Request;
using http::respond;
using http::Response;
using http::while_present;

/// `agent`: an agent's own token reaches it too (a path's {agent} must then be that agent itself).
enum class Right { none, agent, operator_ };

/// How the command line introduces itself: where a decision was made is kept.
inline constexpr std::string_view command_line_agent = "agent-runner/";

/// What a route takes as its body, which decides how much of it is read (Limits).
enum class Body { none, json, message, hook, attachment };

struct Route;

/// One request on its way through a handler.
struct Call {
  Route const& route;
  Api const& api;
  Peer& peer;
  Principal who;
  Request request;
  Query query;
  std::vector<http::Router::Argument> path{};  ///< validated
  Clock::duration stream_keep_alive{};

  /// The argument of a path's parameter; of {message} and {approval} as a number. Empty and 0: its route has none.
  std::string const& name(std::string_view parameter) const;
  std::int64_t number(std::string_view parameter) const;
  /// The body as a JSON object; an empty body is {}.
  Result<json> object() const;
};

using Handler = awaitable<Result<Response>> (*)(Call& call);

struct Route {
  std::string_view method;
  std::string_view pattern;  ///< with any of {agent}, {message}, {approval}, {attachment}, {event}
  Right right = Right::operator_;
  Body body = Body::none;
  std::string_view query;  ///< the parameters it knows, between blanks
  std::string_view summary;
  Handler handler = nullptr;
};

std::span<Route const> system_routes();
std::span<Route const> agent_routes();
std::span<Route const> message_routes();
std::span<Route const> event_routes();
std::span<Route const> approval_routes();
std::span<Route const> hook_routes();

/// What is wrong with an argument of a path.
std::optional<Error> check_argument(http::Router::Argument const& argument);

/// All of them; docs/control-api.md lists them for people.
std::vector<Route> const& routes();

}  // namespace ar::control
