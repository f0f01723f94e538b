// Who is on the bus, and what daemons keep for each other.
#include "relay/server/route.hpp"
#include "relay/server/scope.hpp"

namespace ar::relay::server {
namespace {

using http::Response;

awaitable<Result<Response>> agents(Call& call) { co_return listed("agents", co_await call.bus.agents()); }

awaitable<Result<Response>> add(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  auto presence = presence_from(*body);
  if (!presence) co_return presence.error();
  if (auto may = call.check_agent(presence->identity.agent_id); !may) co_return may.error();
  auto const may_join = co_await check_groups(call.bus, call.who, presence->identity);
  if (!may_join) co_return may_join.error();
  co_return done(co_await call.bus.register_agent(std::move(*presence)));
}

awaitable<Result<Response>> set_status(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto status = in.string("status");
  bool const ready = in.boolean("ready");
  auto meta = in.object("meta");
  if (auto error = in.finish()) co_return *error;
  if (auto may = call.check_agent(call.name); !may) co_return may.error();
  co_return done(co_await call.bus.publish_status(call.name, std::move(status), ready, std::move(meta)));
}

awaitable<Result<Response>> heartbeat(Call& call) {
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto meta = in.object("meta");
  if (auto error = in.finish()) co_return *error;
  if (auto may = call.check_agent(call.name); !may) co_return may.error();
  co_return done(co_await call.bus.heartbeat(call.name, std::move(meta)));
}

awaitable<Result<Response>> remove(Call& call) {
  if (auto may = call.check_agent(call.name); !may) co_return may.error();
  co_return done(co_await call.bus.remove_agent(call.name));
}

awaitable<Result<Response>> notes(Call& call) {
  if (auto may = check_may_keep_notes(call.who); !may) co_return may.error();
  co_return listed("notes", co_await call.bus.notes());
}

awaitable<Result<Response>> put_note(Call& call) {
  if (auto may = check_may_keep_notes(call.who); !may) co_return may.error();
  auto const body = call.object();
  if (!body) co_return body.error();
  FieldReader in(*body);
  auto key = in.string("key");
  auto text = in.string("text");
  auto const revision = in.integer("revision", 0, INT64_MIN, INT64_MAX);
  if (auto error = in.finish()) co_return *error;
  co_return shown(co_await call.bus.put_note(std::move(key), std::move(text), revision));
}

constexpr Route rows[] = {
    {"GET", "/api/agents", "read", Body::none, "", "all agents", agents},
    {"POST", "/api/agents", "presence", Body::json, "", "put an agent on the bus, or put it there anew", add},
    {"POST", "/api/agents/{agent}/status", "presence", Body::json, "", "what it does now", set_status},
    {"POST", "/api/agents/{agent}/heartbeat", "presence", Body::json, "", "it is alive", heartbeat},
    {"DELETE", "/api/agents/{agent}", "presence", Body::none, "", "take it off the bus", remove},
    {"GET", "/api/notes", "presence", Body::none, "", "what daemons keep for each other", notes},
    {"PUT", "/api/notes", "presence", Body::json, "", "change a note, or make one", put_note},
};

}  // namespace

std::span<Route const> agent_routes() { return rows; }

}  // namespace ar::relay::server
