// The two ways to a WebSocket: over a connection that asked for one, and to a server. Only for this folder's .cpp
// files.
#pragma once
#include "base/http/http.hpp"
#include "base/http/stream.hpp"
#include "base/http/websocket.hpp"

#include <memory>

namespace ar::http {

/// What of a request the handshake needs, as text.
std::string websocket_handshake(Request const& request);
/// `head`: that text, and what the client has sent after it. Error: malformed_request.
awaitable<Result<std::unique_ptr<WebSocket>>> accept_websocket(Stream stream, std::string head, WebSocketLimits limits);
/// Over a connected stream. Errors: what the server's refusal says (refusal_of), connection_lost.
awaitable<Result<std::unique_ptr<WebSocket>>> open_websocket(Stream stream, std::string host, std::string target,
                                                             std::vector<Header> headers, WebSocketLimits limits);

}  // namespace ar::http
