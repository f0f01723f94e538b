// The daemon itself: health, information, configuration, the end.
#include "control/api/system_api.hpp"
#include "control/route.hpp"

namespace ar::control {
namespace {

awaitable<Result<Response>> health(Call&) { co_return json_text_response(R"({"status":"ok"})"); }

awaitable<Result<Response>> info(Call& call) { co_return respond(co_await call.api.system.info()); }

awaitable<Result<Response>> configuration(Call& call) { co_return respond(co_await call.api.system.configuration()); }

awaitable<Result<Response>> reload(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  if (auto error = in.finish()) co_return *error;
  co_return respond(co_await call.api.system.reload_configuration());
}

awaitable<Result<Response>> bus(Call& call) { co_return respond(co_await call.api.system.bus()); }

awaitable<Result<Response>> shut_down(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  bool const stop_agents = in.boolean("agents");
  if (auto error = in.finish()) co_return *error;
  co_return respond(co_await call.api.system.shut_down(stop_agents), 202);
}

constexpr Route rows[] = {
    {"GET", "/healthz", Right::none, Body::none, "", "whether the daemon answers", health},
    {"GET", "/v1/info", Right::operator_, Body::none, "", "the daemon: version, paths, port, bus", info},
    {"GET", "/v1/config", Right::operator_, Body::none, "", "every setting and where it came from", configuration},
    {"POST", "/v1/config/reload", Right::operator_, Body::json, "",
     "read the configuration again: what is in force now, and what needs a restart", reload},
    {"GET", "/v1/bus", Right::operator_, Body::none, "", "which bus, and how it is", bus},
    {"POST", "/v1/shutdown", Right::operator_, Body::json, "", "end the daemon, and its agents too if told so",
     shut_down},
};

}  // namespace

std::span<Route const> system_routes() { return rows; }

}  // namespace ar::control
