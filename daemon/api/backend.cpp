#include "daemon/api/backend.hpp"

#include "base/ids.hpp"
#include "base/suggest.hpp"
#include "base/version.hpp"
#include "daemon/store/journal_row.hpp"

#include <algorithm>
#include <unistd.h>

namespace ar::daemon {

DaemonBackend::DaemonBackend(Services& services, Supervisor& supervisor, std::function<void(bool)> on_shut_down,
                             Reload reload)
    : services_(services),
      supervisor_(supervisor),
      on_shut_down_(std::move(on_shut_down)),
      reload_(std::move(reload)),
      started_at_(wall_now()) {}

Result<void> DaemonBackend::check_open() const {
  if (open_) return {};
  return unavailable("starting", "the daemon is still taking over its agents; try again in a moment");
}

void DaemonBackend::set_operator_token(std::string token, std::optional<WallTime> end) {
  operator_token_ = std::move(token);
  operator_token_end_ = end;
}

bool DaemonBackend::tokens_revoked(std::vector<std::string> const& hashes) {
  supervisor_.tokens_revoked(hashes);
  if (std::ranges::find(hashes, sha256_hex(operator_token_)) == hashes.end()) return false;
  operator_token_.clear();
  return true;
}

Result<Principal> DaemonBackend::authenticate(std::string_view token) {
  auto const refused = [](std::string why) { return Error{ErrorKind::unauthorized, "unauthorized", std::move(why)}; };
  if (!operator_token_.empty() && equal_secrets(token, operator_token_)) {
    if (!operator_token_end_ || wall_now() < *operator_token_end_) return Principal{Principal::Kind::operator_};
    return refused("the operator's token expired at " + to_iso8601(*operator_token_end_) +
                   "; the next start of the daemon makes a new one");
  }
  if (auto const agent = supervisor_.find_by_token(token)) {
    auto const problem = token_problem(agent->token(), wall_now());
    if (problem.empty()) return Principal{Principal::Kind::agent, agent->id()};
    return refused("agent " + agent->id() + ": " + problem + "; `agent-runner restart` gives it a new one");
  }
  if (auto open = check_open(); !open) return open.error();  // it may be one of an agent that is not taken over yet
  return refused("the bearer token is unknown; the operator's is in " + services_.paths.operator_token().string());
}

awaitable<Result<json>> DaemonBackend::info() {
  json counts = json::object();
  for (auto const& [id, agent] : supervisor_.agents()) {
    std::string const state(to_string(agent->state()));
    counts[state] = counts.value(state, 0) + 1;
  }
  json info = {{"version", kVersion},
               {"pid", ::getpid()},
               {"instanceId", services_.instance_id},
               {"startedAt", to_iso8601(started_at_)},
               {"stateDir", services_.paths.state_dir.string()},
               {"configFile", services_.paths.config_file.string()},
               {"controlSocket", services_.paths.control_socket().string()},
               {"controlPort", services_.tcp_port()},
               {"tmuxSocket", services_.paths.tmux_socket().string()},
               {"relay",
                {{"kind", services_.bus.name()},
                 {"transport", services_.bus.transport_state()},
                 {"store", services_.store.id()}}},
               {"agents", std::move(counts)},
               {"descriptors", services_.descriptors.shown()},
               {"lastEvent", services_.events.last()},
               {"ready", open_}};
  co_return ok(std::move(info));
}

awaitable<Result<json>> DaemonBackend::configuration() {
  json list = json::array();
  for (auto const& entry : services_.config.explained)
    list.push_back({{"key", entry.key},
                    {"value", entry.value},
                    {"origin", entry.origin},
                    {"help", entry.help},
                    {"live", entry.live}});
  json shown = {{"file", services_.paths.config_file.string()}, {"settings", std::move(list)}};
  co_return ok(std::move(shown));
}

awaitable<Result<json>> DaemonBackend::reload_configuration() {
  if (auto open = check_open(); !open) co_return open.error();
  auto const changes = co_await reload_();
  if (!changes) co_return changes.error();
  json changed = json::array(), restart = json::array();
  for (auto const& change : *changes)
    if (change.live)
      changed.push_back({{"key", change.key}, {"before", change.before}, {"value", change.after}});
    else
      restart.push_back({{"key", change.key}, {"inForce", change.before}, {"value", change.after}});
  json shown = {
      {"file", services_.paths.config_file.string()}, {"changed", std::move(changed)}, {"restart", std::move(restart)}};
  co_return ok(std::move(shown));
}

awaitable<Result<json>> DaemonBackend::bus() { co_return ok(co_await services_.bus.status()); }

awaitable<Result<json>> DaemonBackend::shut_down(bool stop_agents) {
  on_shut_down_(stop_agents);
  json answer = {{"stopping", true}, {"agentsStopped", stop_agents}};
  co_return ok(std::move(answer));
}

// ---- agents ----

awaitable<Result<control::Spawned>> DaemonBackend::spawn(json spec, std::string idempotency_key) {
  if (auto open = check_open(); !open) co_return open.error();
  auto spawned = co_await supervisor_.spawn(std::move(spec), std::move(idempotency_key));
  if (!spawned) co_return spawned.error();
  control::Spawned answer{spawned->agent->view(), spawned->created};
  co_return answer;
}

namespace {

/// States between commas; a misspelt one would look like "there are none".
Result<void> check_states(std::string const& list) {
  std::vector<std::string> known;
  for (int state = 0; state < kAgentStates; ++state) known.emplace_back(to_string(static_cast<AgentState>(state)));
  for (std::size_t at = 0; at <= list.size();) {
    auto const end = std::min(list.find(',', at), list.size());
    auto const word = list.substr(at, end - at);
    at = end + 1;
    if (std::ranges::find(known, word) != known.end()) continue;
    std::string names;
    for (auto const& name : known) names += (names.empty() ? "" : ", ") + name;
    return invalid("status", "\"" + word.substr(0, 80) + "\" is no state of an agent" + suggestion(word, known) +
                                 "; the states are " + names);
  }
  return {};
}

}  // namespace

awaitable<Result<json>> DaemonBackend::agents(Page page) {
  if (auto open = check_open(); !open) co_return open.error();
  co_await services_.terminals.look_at_memory();
  if (page.status)
    if (auto good = check_states(*page.status); !good) co_return good.error();
  json list = json::array();
  std::int64_t position = 0;
  json next = nullptr;
  for (auto const& [id, agent] : supervisor_.agents()) {
    if (page.status &&
        ("," + *page.status + ",").find("," + std::string(to_string(agent->state())) + ",") == std::string::npos)
      continue;
    if (to_millis(agent->since()) < page.since) continue;
    if (++position <= page.cursor) continue;
    if (static_cast<int>(list.size()) == page.limit) {
      next = position - 1;
      break;
    }
    list.push_back(agent->view());
  }
  json answer = {{"agents", std::move(list)}};
  if (!next.is_null()) answer["nextCursor"] = next;
  co_return ok(std::move(answer));
}

awaitable<Result<json>> DaemonBackend::agent(std::string id) {
  if (auto open = check_open(); !open) co_return open.error();
  co_await services_.terminals.look_at_memory();
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  co_return ok((*agent)->view());
}

awaitable<Result<json>> DaemonBackend::remove_agent(std::string id) {
  if (auto open = check_open(); !open) co_return open.error();
  co_return co_await supervisor_.remove(std::move(id));
}

awaitable<Result<json>> DaemonBackend::act(std::string id, std::string action, json params) {
  if (auto open = check_open(); !open) co_return open.error();
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  co_return co_await (*agent)->act(std::move(action), std::move(params));
}

awaitable<Result<json>> DaemonBackend::screen(std::string id) {
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  bool const ended = !(*agent)->has_terminal();
  auto screen = co_await (*agent)->screen();
  if (!screen) co_return screen.error();
  std::string text;
  for (auto const& line : screen->lines) text += line + "\n";
  json answer = {{"lines", screen->lines},
                 {"cursorX", screen->cursor_x},
                 {"cursorY", screen->cursor_y},
                 {"text", text},
                 {"ended", ended}};
  co_return ok(std::move(answer));
}

awaitable<Result<json>> DaemonBackend::attach(std::string id) {
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  auto const state = (*agent)->state();
  if (!is_live(state) && state != AgentState::stopping)
    co_return conflict("agent_not_running", "agent " + id + " is " + std::string(to_string(state)) +
                                                " and has no terminal; start it with `agent-runner restart " + id +
                                                "`");
  json answer = {{"tmuxSocket", services_.paths.tmux_socket().string()},
                 {"target", services_.terminals.attach_target((*agent)->terminal_session())},
                 {"detachKey", "C-b d"}};
  co_return ok(std::move(answer));
}

awaitable<Result<json>> DaemonBackend::turns(std::string id, Page page) {
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  auto query = [id, page](Database& db) -> Result<std::vector<std::pair<std::int64_t, std::string>>> {
    auto& rows = db.prepare(
                       "SELECT number, record FROM turns WHERE agent = ?1 AND (?2 = 0 OR number < ?2) ORDER BY number "
                       "DESC LIMIT ?3")
                     .bind(id, page.cursor, page.limit);
    std::vector<std::pair<std::int64_t, std::string>> found;
    while (rows.step()) found.emplace_back(rows.integer(0), rows.text(1));
    return found;
  };
  auto rows = co_await services_.journal.read(std::move(query));
  if (!rows) co_return rows.error();
  json list = json::array();
  for (auto const& [number, record] : *rows)
    if (auto turn =
            read_row(record, "turn " + std::to_string(number) + " of agent " + id, [](json const& t) { return t; }))
      list.push_back(std::move(*turn));
  json answer = {{"turns", std::move(list)}};
  co_return ok(std::move(answer));
}

awaitable<Result<json>> DaemonBackend::workspace(std::string id) {
  if (auto open = check_open(); !open) co_return open.error();
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  json answer = {{"cwd", (*agent)->spec().cwd}, {"messages", (*agent)->files_dir().string()}};
  co_return ok(std::move(answer));
}

// ---- hooks and events ----

Result<std::shared_ptr<Agent>> DaemonBackend::hook_agent(Principal const& who) const {
  if (who.kind != Principal::Kind::agent)
    return Error{ErrorKind::forbidden, "not_an_agent",
                 "hooks are called with the agent's own token (AGENT_RELAY_TOKEN)"};
  return supervisor_.get(who.agent_id);
}

awaitable<Result<json>> DaemonBackend::hook(Principal who, std::string event, std::string provider_session,
                                            json payload) {
  if (auto open = check_open(); !open) co_return open.error();
  auto agent = hook_agent(who);
  if (!agent) co_return agent.error();
  co_return (*agent)->hook(event, provider_session, payload);
}

awaitable<Result<std::vector<Event>>> DaemonBackend::events(std::string agent, std::int64_t cursor, int limit) {
  if (!agent.empty() && !services_.events.knows(agent)) {
    auto known = supervisor_.get(agent);
    if (!known) co_return known.error();
  }
  co_return co_await services_.events.page(std::move(agent), cursor, limit);
}

awaitable<bool> DaemonBackend::wait_events(std::string agent, std::int64_t cursor, Clock::time_point deadline) {
  co_return co_await services_.events.wait(std::move(agent), cursor, deadline);
}

}  // namespace ar::daemon
