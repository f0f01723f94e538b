// A route as data: what it matches, who may use it, what it takes, and the
// handler. Handlers stand in handlers/, by subject, each file with its own
// rows; routes() is all of them.
#pragma once
#include "base/http/http.hpp"
#include "base/http/peer.hpp"
#include "base/http/request_handler.hpp"
#include "base/http/router.hpp"
#include "base/http/url.hpp"
#include "control/api/api.hpp"
#include "control/limits.hpp"
#include "control/schema.hpp"
#include "control/tickets.hpp"
#include "model/idempotency.hpp"
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

/// `agent`: an agent's own token reaches it too (a path's {agent} must then be
/// that agent itself, its {scope} and {id} that agent's memory or the shared one).
/// `family`: a path's {agent} or {session} may be a descendant of that agent as
/// well. `descendants`: only that.
enum class Right { none, agent, family, descendants, operator_ };

/// How the command line introduces itself: where a decision was made is kept.
inline constexpr std::string_view command_line_agent = "agent-runner/";

/// What a route takes as its body, which decides how much of it is read
/// (Limits).
enum class Body { none, json, message, hook, attachment, skill };

struct Route;

/// One request on its way through a handler.
struct Call {
  Route const& route;
  Api const& api;
  Peer& peer;
  Principal who;
  Request request;
  Query query;
  IdempotencyKey key{};                        ///< hashed, unless the route knows_keys
  std::vector<http::Router::Argument> path{};  ///< validated
  Limits const& limits;
  Tickets& tickets;
  http::RequestHandler& server;  ///< for a request that this one is made of

  /// The argument of a path's parameter; of {message} and {approval} as a
  /// number. Empty and 0: its route has none.
  std::string const& name(std::string_view parameter) const;
  std::int64_t number(std::string_view parameter) const;
  /// A number of the query, or what its row says otherwise.
  std::int64_t integer(std::string_view parameter) const;
  /// What `limit` and `cursor` say, where the cursor is the last name of the page before.
  Result<Page> page_of_names() const;
  /// What `limit` and `cursor` say, where the cursor is a number.
  Page page() const;
  /// The body as the JSON object that the route's row says; an empty body is
  /// {}.
  Result<json> object() const;
};

using Handler = awaitable<Result<Response>> (*)(Call& call);

struct Route {
  std::string_view method;
  std::string_view pattern;  ///< with any of {agent}, {message}, {approval},
                             ///< {attachment}, {event}, {scope}, {id}, {key},
                             ///< {webhook}, {delivery},
                             ///< {session}, {output}, {skill},
                             ///< {snapshot}, {hook}, {schedule}, {rule},
                             ///< {account}, {budget}
  std::string_view name;     ///< of the operation, for programs
  std::string_view summary;
  Handler handler = nullptr;
  Right right = Right::operator_;
  Body body = Body::none;
  std::span<Field const> query{};
  std::string_view headers{};       ///< those that it reads, between blanks
  bool answers_secret = false;      ///< all of it must not be kept: it takes no Idempotency-Key
  std::string_view secret{};        ///< the field of its answer that must not be kept: null where it is repeated
  bool knows_keys = false;          ///< its handler sees to it that nothing is done twice under one Idempotency-Key
  Schema const* request = nullptr;  ///< of a body that is JSON
  Schema const* answer = nullptr;   ///< null: bytes
  std::string_view bytes = "application/octet-stream";  ///< their type
  bool streams = false;                                 ///< with Accept: text/event-stream
  Rate Limits::* rate = nullptr;  ///< how often a principal may ask for it; null: as often as it likes
  std::string_view statuses = "200";
  std::string_view errors{};   ///< codes of error_codes.hpp, besides those that any route may answer
  std::string_view answers{};  ///< for people: what the answer is
};

/// The parameters of every list.
inline constexpr Field kLimit{.name = "limit", .type = Type::integer, .least = 1, .most = 1000, .otherwise = 100};
inline constexpr Field kCursor{
    .name = "cursor", .type = Type::integer, .about = "the nextCursor of the page before", .least = 0};

/// Whether a ticket opens it, in the place of a token.
bool takes_ticket(Route const& route);

inline constexpr Field kNameCursor{.name = "cursor", .about = "the nextCursor of the page before"};

/// What is wrong with a query; every route's is checked before its handler
/// runs.
std::optional<Error> check_query(Route const& route, http::Query const& query);

std::span<Route const> system_routes();
std::span<Route const> runtime_routes();
std::span<Route const> agent_routes();
std::span<Route const> session_routes();
std::span<Route const> message_routes();
std::span<Route const> event_routes();
std::span<Route const> approval_routes();
std::span<Route const> hook_routes();
std::span<Route const> memory_routes();
std::span<Route const> webhook_routes();
std::span<Route const> output_routes();
std::span<Route const> search_routes();
std::span<Route const> skill_routes();
std::span<Route const> user_routes();
std::span<Route const> snapshot_routes();
std::span<Route const> tool_hook_routes();
std::span<Route const> worktree_routes();
std::span<Route const> limit_routes();
std::span<Route const> budget_routes();
std::span<Route const> notify_routes();
std::span<Route const> schedule_routes();
std::span<Route const> mcp_routes();

/// What is wrong with an argument of a path.
std::optional<Error> check_argument(http::Router::Argument const& argument);

/// All of them; docs/control-api.md lists them for people.
std::vector<Route> const& routes();

}  // namespace ar::control
