#include "daemon/api/agents_api.hpp"

#include "daemon/api/listed_words.hpp"
#include "daemon/resources/agent_groups.hpp"
#include "daemon/store/journal_row.hpp"
#include "daemon/store/tables/turn_table.hpp"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace ar::daemon {
namespace {

Result<void> check_states(std::string const& list) {
  std::vector<std::string> known;
  for (int state = 0; state < kAgentStates; ++state) known.emplace_back(to_string(static_cast<AgentState>(state)));
  return check_listed("status", list, known, "state of an agent");
}

}  // namespace

awaitable<Result<control::Spawned>> AgentsApi::spawn(Principal who, json spec, IdempotencyKey key) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto spawned = co_await supervisor_.spawn(std::move(spec), std::move(key), std::move(who));
  if (!spawned) co_return spawned.error();
  control::Spawned answer{spawned->agent->view(), spawned->created};
  co_return answer;
}

awaitable<Result<json>> AgentsApi::agents(Principal who, Page page) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  co_await services_.terminals.look_at_memory();
  co_await services_.groups.watch().look_at_use();
  if (page.status)
    if (auto good = check_states(*page.status); !good) co_return good.error();
  json list = json::array();
  json next = nullptr;
  // They are in the order of their names, which neither comings nor goings change.
  auto const& all = supervisor_.agents();
  for (auto it = all.upper_bound(page.after); it != all.end(); ++it) {
    auto const& agent = it->second;
    if (!access_.may_see(who, it->first)) continue;
    if (page.user && agent->spec().user != *page.user) continue;
    if (page.status && !is_listed(*page.status, std::string(to_string(agent->state())))) continue;
    if (to_millis(agent->since()) < page.since) continue;
    if (static_cast<int>(list.size()) == page.limit) {
      next = list.back()["id"];
      break;
    }
    list.push_back(agent->view());
  }
  json answer = {{"agents", std::move(list)}};
  if (!next.is_null()) answer["nextCursor"] = next;
  co_return ok(std::move(answer));
}

awaitable<Result<json>> AgentsApi::agent(std::string id) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  co_await services_.terminals.look_at_memory();
  co_await services_.groups.watch().look_at_use();
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  co_return ok((*agent)->view());
}

awaitable<Result<json>> AgentsApi::remove_agent(std::string id) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  co_return co_await supervisor_.remove(std::move(id));
}

awaitable<Result<json>> AgentsApi::act(std::string id, std::string verb, json params) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  co_return co_await (*agent)->act(std::move(verb), std::move(params));
}

Result<json> AgentsApi::report_status(std::string const& id, json const& report) {
  if (auto open = access_.check_open(); !open) return open.error();
  auto agent = supervisor_.get(id);
  if (!agent) return agent.error();
  return (*agent)->report_status(report);
}

awaitable<Result<json>> AgentsApi::screen(std::string id) {
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

awaitable<Result<json>> AgentsApi::attach(std::string id) {
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

awaitable<Result<json>> AgentsApi::turns(std::string id, Page page) {
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  auto query = [id, page](Database& db) -> Result<std::vector<Record>> {
    return TurnTable(db).page(id, page.cursor, page.limit + 1);
  };
  auto rows = co_await services_.journal.read(std::move(query));
  if (!rows) co_return rows.error();
  auto const next = cut_to_page(*rows, page.limit);
  json list = json::array();
  for (auto const& [number, record] : *rows)
    if (auto turn =
            read_row(record, "turn " + std::to_string(number) + " of agent " + id, [](json const& t) { return t; }))
      list.push_back(std::move(*turn));
  json answer = {{"turns", std::move(list)}};
  if (next) answer["nextCursor"] = *next;
  co_return ok(std::move(answer));
}

awaitable<Result<json>> AgentsApi::transcript(std::string id, Page page) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  auto answer = co_await (*agent)->transcript(page.cursor, page.limit);
  if (answer)
    if (auto added = co_await add_turns(id, (*answer)["rows"]); !added) co_return added.error();
  co_return answer;
}

/// To each row the turn that ran at its time.
awaitable<Result<void>> AgentsApi::add_turns(std::string id, json& rows) {
  std::vector<std::pair<WallTime, std::size_t>> said;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i]["turn"] = nullptr;
    if (auto const at = from_iso8601(text_at(rows[i], "time"))) said.emplace_back(*at, i);
  }
  if (said.empty()) co_return Result<void>();
  std::ranges::sort(said, std::greater());
  std::vector<WallTime> times;
  for (auto const& [at, row] : said) times.push_back(at);
  auto query = [id = std::move(id), times = std::move(times)](Database& db) -> Result<std::vector<std::int64_t>> {
    return TurnTable(db).at(id, times);
  };
  auto const turns = co_await services_.journal.read(std::move(query));
  if (!turns) co_return turns.error();
  for (std::size_t i = 0; i < said.size(); ++i)
    if ((*turns)[i] != 0) rows[said[i].second]["turn"] = (*turns)[i];
  co_return Result<void>();
}

awaitable<Result<json>> AgentsApi::workspace(std::string id) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto agent = supervisor_.get(id);
  if (!agent) co_return agent.error();
  json answer = {{"cwd", (*agent)->spec().cwd}, {"messages", (*agent)->files_dir().string()}};
  co_return ok(std::move(answer));
}

}  // namespace ar::daemon
