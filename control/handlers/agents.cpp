// Agents: spawn, list, look at, control.
#include "control/api/agents_api.hpp"
#include "control/api/messages_api.hpp"
#include "control/route.hpp"
#include "model/verb.hpp"

#include <string>
#include <vector>

namespace ar::control {
namespace {

constexpr std::size_t longest_key = 255;

awaitable<Result<Response>> spawn(Call& call) {
  auto spec = call.object();
  if (!spec) co_return spec.error();
  std::string key(call.request.header("idempotency-key").value_or(""));
  if (key.size() > longest_key) co_return invalid("Idempotency-Key", "an Idempotency-Key has at most 255 bytes");
  auto spawned = co_await call.api.agents.spawn(std::move(*spec), std::move(key));
  if (!spawned) co_return spawned.error();
  Response response = json_response(spawned->agent, spawned->created ? 201 : 200);
  auto const id = spawned->agent.find("id");
  if (id != spawned->agent.end() && id->is_string())
    response.headers.push_back({"Location", "/v1/agents/" + id->get<std::string>()});
  co_return response;
}

Page read_page(Query& query) {
  Page page;
  page.limit = static_cast<int>(query.integer("limit", 100, 1, 1000));
  page.cursor = query.integer("cursor", 0, 0, INT64_MAX);
  return page;
}

awaitable<Result<Response>> list(Call& call) {
  Page page = read_page(call.query);
  page.status = call.query.text("status");
  page.since = call.query.integer("since", 0, 0, INT64_MAX);
  if (call.query.error()) co_return *call.query.error();
  co_return respond(co_await call.api.agents.agents(std::move(page)));
}

awaitable<Result<Response>> show(Call& call) { co_return respond(co_await call.api.agents.agent(call.name("agent"))); }

awaitable<Result<Response>> remove(Call& call) {
  co_return respond(co_await call.api.agents.remove_agent(call.name("agent")));
}

awaitable<Result<Response>> act(Call& call) {
  auto params = call.object();
  if (!params) co_return params.error();
  std::string verb(call.route.pattern.substr(call.route.pattern.rfind('/') + 1));
  co_return respond(co_await call.api.agents.act(call.name("agent"), std::move(verb), std::move(*params)));
}

awaitable<Result<Response>> screen(Call& call) {
  co_return respond(co_await call.api.agents.screen(call.name("agent")));
}

awaitable<Result<Response>> attach(Call& call) {
  co_return respond(co_await call.api.agents.attach(call.name("agent")));
}

awaitable<Result<Response>> inbox(Call& call) {
  co_return respond(co_await call.api.messages.inbox(call.name("agent")));
}

awaitable<Result<Response>> turns(Call& call) {
  Page page = read_page(call.query);
  if (call.query.error()) co_return *call.query.error();
  co_return respond(co_await call.api.agents.turns(call.name("agent"), std::move(page)));
}

awaitable<Result<Response>> workspace(Call& call) {
  co_return respond(co_await call.api.agents.workspace(call.name("agent")));
}

constexpr auto operator_ = Right::operator_;
constexpr Route rows[] = {
    {"POST", "/v1/agents", operator_, Body::json, "", "spawn an agent (Idempotency-Key header)", spawn},
    {"GET", "/v1/agents", operator_, Body::none, "status since limit cursor", "list the agents", list},
    {"GET", "/v1/agents/{agent}", operator_, Body::none, "", "one agent", show},
    {"DELETE", "/v1/agents/{agent}", operator_, Body::none, "", "end it and forget it", remove},
    {"GET", "/v1/agents/{agent}/screen", operator_, Body::none, "", "the terminal's present screen", screen},
    {"GET", "/v1/agents/{agent}/attach", operator_, Body::none, "", "where its terminal is, for tmux", attach},
    {"GET", "/v1/agents/{agent}/inbox", Right::agent, Body::none, "", "unread messages and replies", inbox},
    {"GET", "/v1/agents/{agent}/turns", operator_, Body::none, "limit cursor", "its turns", turns},
    {"GET", "/v1/agents/{agent}/workspace", Right::agent, Body::none, "", "the folders that it attaches files from",
     workspace},
};

}  // namespace

/// And one for each verb.
std::span<Route const> agent_routes() {
  static std::vector<std::string> const patterns = [] {
    std::vector<std::string> made;
    for (auto const& verb : verbs()) made.push_back("/v1/agents/{agent}/" + std::string(verb.name));
    return made;
  }();
  static std::vector<Route> const all = [] {
    std::vector<Route> made(std::begin(rows), std::end(rows));
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      auto const& verb = verbs()[i];
      auto const body = verb.verb == Verb::inject ? Body::message : Body::json;
      made.push_back({"POST", patterns[i], operator_, body, "", verb.summary, act});
    }
    return made;
  }();
  return all;
}

}  // namespace ar::control
