#include "daemon/api/worktrees_api.hpp"

#include "base/paths.hpp"
#include "daemon/agent/worktree_finish.hpp"
#include "daemon/agent/worktree_look.hpp"
#include "daemon/api/access.hpp"
#include "daemon/store/event_log.hpp"

#include <vector>

namespace ar::daemon {

Result<std::shared_ptr<Agent>> WorktreesApi::with_worktree(std::string const& id) const {
  if (auto open = access_.check_open(); !open) return open.error();
  auto agent = supervisor_.get(id);
  if (agent && !(*agent)->spec().workspace.is_worktree())
    return conflict("no_worktree", "agent " + id + " has no worktree of its own; it works in " + (*agent)->spec().cwd);
  return agent;
}

awaitable<Result<json>> WorktreesApi::worktrees() {
  if (auto open = access_.check_open(); !open) co_return open.error();
  std::vector<std::pair<std::string, Workspace>> all;
  for (auto const& [id, agent] : supervisor_.agents())
    if (agent->spec().workspace.is_worktree()) all.emplace_back(id, agent->spec().workspace);
  json answer = {{"worktrees", json::array()}};
  for (auto const& [id, workspace] : all) {
    auto shown = co_await look_at_worktree(services_.executor, workspace);
    shown["agent"] = id;
    answer["worktrees"].push_back(std::move(shown));
  }
  co_return ok(std::move(answer));
}

awaitable<Result<json>> WorktreesApi::worktree_diff(std::string id) {
  auto const agent = with_worktree(id);
  if (!agent) co_return agent.error();
  auto shown = co_await ar::daemon::worktree_diff(services_.executor, (*agent)->spec().workspace);
  if (shown) (*shown)["agent"] = id;
  co_return shown;
}

awaitable<Result<json>> WorktreesApi::finish_worktree(std::string id, json body) {
  auto const agent = with_worktree(id);
  if (!agent) co_return agent.error();
  if (!finishing_.insert(id).second)
    co_return conflict("wrong_state", "the worktree of agent " + id + " is being finished just now");
  struct Leave {
    std::set<std::string, std::less<>>& finishing;
    std::string const& id;
    ~Leave() { finishing.erase(id); }
  } const leave{finishing_, id};
  co_return co_await finish(*agent, std::move(body));
}

awaitable<Result<json>> WorktreesApi::finish(std::shared_ptr<Agent> agent, json body) {
  auto const id = agent->id();
  bool const keep = body.value("keep", false);
  if (keep && agent->is_at_work())
    co_return conflict("wrong_state", "agent " + id +
                                          " is at work; wait for its turn's end, or interrupt it: agent-runner "
                                          "interrupt " +
                                          id);
  if (!keep) {
    if (auto removable = supervisor_.check_removable(id); !removable) co_return removable.error();
    if (!is_at_rest(agent->state()))
      co_return conflict("agent_running", "agent " + id + " is " + std::string(to_string(agent->state())) +
                                              ", and goes with its worktree; stop it first (agent-runner stop " + id +
                                              "), or keep both with --keep");
  }
  auto const workspace = agent->spec().workspace;
  Finish finish{.how = finish_how_from(body.value("how", "merge")).value_or(FinishHow::merge),
                .into = body.value("into", ""),
                .message = body.value("message", ""),
                .scratch = services_.paths.state_dir / "worktrees" / ("." + id + ".rebase")};
  auto const how = finish.how;
  if (how == FinishHow::rebase && !finish.message.empty())
    co_return invalid("message", "a rebase keeps the messages of the agent's commits; leave message out, or squash");
  if (auto made = make_private_dir(finish.scratch.parent_path()); !made) co_return made.error();
  auto const done = co_await ar::daemon::finish_worktree(services_.executor, workspace, std::move(finish));
  if (!done) co_return done.error();
  json told = {{"how", to_string(how)},  {"branch", workspace.branch}, {"into", done->into},
               {"before", done->before}, {"after", done->after},       {"commits", done->commits}};
  services_.events.append(id, "workspace.finished", told);
  json answer = std::move(told);
  answer["agent"] = id;
  answer["removed"] = false;
  if (keep) co_return ok(std::move(answer));
  auto removed = co_await supervisor_.remove(id, done->tip);
  if (!removed) {  // what it has made is where it belongs, all the same
    answer["kept"] = removed.error().message;
    co_return ok(std::move(answer));
  }
  answer["removed"] = true;
  answer["workspace"] = std::move((*removed)["workspace"]);
  co_return ok(std::move(answer));
}

}  // namespace ar::daemon
