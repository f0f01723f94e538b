// The relay itself, and the way to the WebSocket.
#include "base/version.hpp"
#include "relay/protocol.hpp"
#include "relay/server/route.hpp"
#include "relay/server/sessions.hpp"

namespace ar::relay::server {
namespace {

using http::Response;

awaitable<Result<Response>> health(Call&) { co_return http::json_text_response(R"({"status":"ok"})"); }

awaitable<Result<Response>> info(Call& call) {
  json const answer = {{"name", "agent-runner relay"},
                       {"version", kVersion},
                       {"protocol", kProtocol},
                       {"serverTime", to_iso8601(wall_now())},
                       {"limits", to_json(call.bus.limits())},
                       {"store", to_json(call.bus.store())},
                       {"sessions", call.sessions.count()},
                       {"connectedAgents", call.sessions.agents()},
                       {"token", to_json(call.who)}};
  co_return http::json_response(answer);
}

awaitable<Result<Response>> open_bus(Call& call) {
  Response response;
  response.websocket = [&sessions = call.sessions, who = call.who, request = call.request](http::WebSocket& socket) {
    auto const token = http::bearer_token(request);
    return sessions.serve(socket, who, token && *token ? std::string(**token) : std::string());
  };
  co_return response;
}

constexpr Route rows[] = {
    {"GET", "/healthz", "none", Body::none, "", "whether the relay answers", health},
    {"GET", "/api/info", "any", Body::none, "", "version, protocol, limits, who is connected, one's own token", info},
    {"GET", "/bus", "any", Body::none, "", "the WebSocket", open_bus},
};

}  // namespace

std::span<Route const> system_routes() { return rows; }

}  // namespace ar::relay::server
