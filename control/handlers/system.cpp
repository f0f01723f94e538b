// The daemon itself: health, information, configuration, the end.
#include "control/api/system_api.hpp"
#include "control/openapi.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

awaitable<Result<Response>> health(Call&) { co_return json_text_response(R"({"status":"ok"})"); }

awaitable<Result<Response>> openapi(Call&) {
  static std::string const text = openapi_document().dump(2) + "\n";
  co_return json_text_response(text);
}

awaitable<Result<Response>> metrics(Call& call) {
  auto text = co_await call.api.system.metrics();
  if (!text) co_return text.error();
  co_return Response{.content_type = "text/plain; version=0.0.4", .body = std::move(*text)};
}

awaitable<Result<Response>> info(Call& call) { co_return respond(co_await call.api.system.info()); }

awaitable<Result<Response>> configuration(Call& call) { co_return respond(co_await call.api.system.configuration()); }

awaitable<Result<Response>> reload(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  co_return respond(co_await call.api.system.reload_configuration());
}

awaitable<Result<Response>> bus(Call& call) { co_return respond(co_await call.api.system.bus()); }

awaitable<Result<Response>> shut_down(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  co_return respond(co_await call.api.system.shut_down(truth_at(*body, "agents")), 202);
}

constexpr Route rows[] = {
    {.method = "GET",
     .pattern = "/healthz",
     .name = "health",
     .summary = "whether the daemon answers",
     .handler = health,
     .right = Right::none,
     .answer = &kHealth,
     .answers = "`{status: \"ok\"}`"},
    {.method = "GET",
     .pattern = "/openapi.json",
     .name = "openapi",
     .summary = "this API for programs, as OpenAPI 3.1",
     .handler = openapi,
     .right = Right::agent,
     .answer = &kOpenApi,
     .answers = "all of this page as data; it is [openapi.json](openapi.json) too"},
    {.method = "GET",
     .pattern = "/metrics",
     .name = "metrics",
     .summary = "the daemon's figures for Prometheus",
     .handler = metrics,
     .bytes = "text/plain",
     .answers = "text in Prometheus' format, version 0.0.4 ([metrics.md](metrics.md))"},
    {.method = "GET",
     .pattern = "/v1/info",
     .name = "info",
     .summary = "the daemon: version, paths, port, bus",
     .handler = info,
     .answer = &kInfo,
     .answers = "the daemon: version, paths, port, bus, `runtime` (as `GET /v1/runtime`), `outbox` (what waits for "
                "receivers), `descriptors` (open files, their limit, and how many are kept from agents), `loop` "
                "(`{p50Ms, p99Ms, maxMs, looks}`: how late the one thread that does everything "
                "was, at the newest 4096 looks; it looks every 5 s)"},
    {.method = "GET",
     .pattern = "/v1/config",
     .name = "configuration",
     .summary = "every setting and where it came from",
     .handler = configuration,
     .answer = &kConfiguration,
     .answers = "every setting, its value and where it came from; `live`: it can change without a restart"},
    {.method = "POST",
     .pattern = "/v1/config/reload",
     .name = "reloadConfiguration",
     .summary = "read the configuration again: what is in force now, and what needs a restart",
     .handler = reload,
     .body = Body::json,
     .request = &kNothing,
     .answer = &kReloaded,
     .answers = "`{file, changed: [{key, before, value}], restart: [{key, inForce, value}]}`: what of the file is in "
                "force now, and what needs a restart (of secrets the key only); a file that is wrong changes nothing. "
                "Event: `config.reloaded`"},
    {.method = "GET",
     .pattern = "/v1/bus",
     .name = "bus",
     .summary = "which bus, and how it is",
     .handler = bus,
     .answer = &kBus,
     .answers = "which bus, its transport, since when, the last error, counts; `storage: {error, at}` from when it "
                "could not keep something (a full disk) until it keeps something again"},
    {.method = "POST",
     .pattern = "/v1/shutdown",
     .name = "shutDown",
     .summary = "end the daemon, and its agents too if told so",
     .handler = shut_down,
     .body = Body::json,
     .request = &kShutdown,
     .answer = &kShuttingDown,
     .statuses = "202",
     .answers = "`{}`; the daemon then ends, its agents too with `agents`"},
};

}  // namespace

std::span<Route const> system_routes() { return rows; }

}  // namespace ar::control
