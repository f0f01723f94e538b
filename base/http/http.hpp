// HTTP as the handlers see it: plain values and no library's types.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar::http {

class Peer;
class WebSocket;

struct Header {
  std::string name;  ///< requests: in lower case
  std::string value;
};

struct Request {
  std::string method;
  std::string target;  ///< as sent: "/v1/agents?limit=3"
  std::vector<Header> headers;
  std::string body;
  bool over_unix = false;
  bool token_needed = true;  ///< by the door it came in: without a token it is nobody's

  /// The first header of that lower-case name.
  std::optional<std::string_view> header(std::string_view name) const;
  std::size_t count(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type{};  ///< empty: no body
  std::string body{};
  std::vector<Header> headers{};
  /// Set: the answer is a stream; `body` is unused and the connection ends with the stream.
  std::function<awaitable<void>(Peer&)> stream{};
  /// Set: the connection becomes a WebSocket, and ends when the function returns. A request that is no handshake of
  /// one is refused instead (426).
  std::function<awaitable<void>(WebSocket&)> websocket{};
};

Response json_response(json const& value, int status = 200);
/// An answer that is already JSON text.
Response json_text_response(std::string text, int status = 200);
/// `value` as JSON, or its error: the usual end of a handler.
Result<Response> respond(Result<json> const& value, int status = 200);

/// The RFC 9457 document {type, title, status, code, detail, field?}; `extra`'s members are added to it.
/// `status` 0: the one of the error's kind.
Response problem(Error const& error, int status = 0, json const& extra = json::object());

std::string_view reason_phrase(int status);
/// The status line and headers up to the empty line. `keep_alive`: else "Connection: close". A stream is
/// chunked.
std::string response_head(Response const& response, bool keep_alive);

/// The bearer token; nothing without an Authorization header; an error for another scheme.
Result<std::optional<std::string_view>> bearer_token(Request const& request);
/// Whether it asks for a WebSocket (RFC 6455); its details are checked when the socket is accepted.
bool is_websocket_request(Request const& request);

/// ASCII only, as header names and host names need.
std::string lower_case(std::string_view text);

}  // namespace ar::http
