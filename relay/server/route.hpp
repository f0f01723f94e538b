// A route of the relay as data: what it matches, the right it needs, what it takes, and the handler. Handlers stand in
// handlers/, by subject, each file with its own rows; routes() is all of them.
#pragma once
#include "base/http/http.hpp"
#include "base/http/url.hpp"
#include "relay/embedded/embedded_bus.hpp"
#include "relay/message_json.hpp"
#include "relay/uploads.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ar::relay::server {

class Sessions;

/// Whether the token's scope has the right, and whether it may speak for the agent.
bool has_right(TokenInfo const& who, std::string_view right);
bool may_be(TokenInfo const& who, std::string_view agent_id);

/// What a route takes as its body, which decides how much of it is read.
enum class Body { none, json, bytes };

/// One request on its way through a handler. {message}, {task} and {command} are in `number`, the rest in `name`.
struct Call {
  EmbeddedBus& bus;
  Sessions& sessions;
  Uploads& uploads;
  TokenInfo who;
  http::Request request;
  http::Query query;
  std::string name{};
  std::int64_t number = 0;

  /// The body as a JSON object; an empty body is {}.
  Result<json> object() const;
  /// `forbidden` unless the token may speak for the agent.
  Result<void> check_agent(std::string_view agent_id) const;
};

using Handler = awaitable<Result<http::Response>> (*)(Call& call);

struct Route {
  std::string_view method;
  std::string_view pattern;  ///< with at most one number and one name
  std::string_view right;    ///< "none": without a token; "any": with any token
  Body body = Body::none;
  std::string_view query;  ///< the parameters it knows, between blanks
  std::string_view summary;
  Handler handler = nullptr;
};

std::span<Route const> system_routes();
std::span<Route const> message_routes();
std::span<Route const> claim_routes();
std::span<Route const> work_routes();
std::span<Route const> agent_routes();
std::span<Route const> token_routes();

/// All of them, in the order of docs/relay-protocol.md.
std::vector<Route> const& routes();

Error forbidden(std::string message);
/// {NAME: [...]}.
template <class T>
Result<http::Response> listed(char const* name, Result<std::vector<T>> const& found) {
  if (!found) return found.error();
  json list = json::array();
  for (auto const& one : *found) list.push_back(to_json(one));
  return http::json_response({{name, std::move(list)}});
}
template <class T>
Result<http::Response> shown(Result<T> const& found, int status = 200) {
  if (!found) return found.error();
  return http::json_response(to_json(*found), status);
}
inline Result<http::Response> done(Result<void> const& result) {
  if (!result) return result.error();
  return http::json_response(json::object());
}

}  // namespace ar::relay::server
