// The git worktrees of agents: listed, compared, finished.
#include "control/api/worktrees_api.hpp"
#include "control/route.hpp"
#include "control/schemas/schemas.hpp"

namespace ar::control {
namespace {

awaitable<Result<Response>> list(Call& call) { co_return respond(co_await call.api.worktrees.worktrees()); }

awaitable<Result<Response>> diff(Call& call) {
  co_return respond(co_await call.api.worktrees.worktree_diff(call.name("agent")));
}

awaitable<Result<Response>> finish(Call& call) {
  auto body = call.object();
  if (!body) co_return body.error();
  co_return respond(co_await call.api.worktrees.finish_worktree(call.name("agent"), std::move(*body)));
}

constexpr Route rows[] = {
    {.method = "GET",
     .pattern = "/v1/worktrees",
     .name = "listWorktrees",
     .summary = "the worktrees of agents, and how far each is from its repository's branch",
     .handler = list,
     .answer = &kWorktreeList,
     .answers = "`{worktrees: [...]}` ([worktrees.md](worktrees.md))"},
    {.method = "GET",
     .pattern = "/v1/agents/{agent}/worktree/diff",
     .name = "worktreeDiff",
     .summary = "what the agent has changed in its worktree, committed or not",
     .handler = diff,
     .answer = &kWorktreeDiff,
     .errors = "no_such_agent gone no_worktree worktree_gone git_missing git_failed",
     .answers = "`{base, stat, diff, untracked, truncated, ...}`, 1 MiB at the most"},
    {.method = "POST",
     .pattern = "/v1/agents/{agent}/worktree/finish",
     .name = "finishWorktree",
     .summary = "bring what it has committed into a branch, and remove it with its worktree",
     .handler = finish,
     .body = Body::json,
     .request = &kFinish,
     .answer = &kFinished,
     .errors = "no_such_agent gone no_worktree worktree_gone worktree_dirty detached_head operation_in_progress "
               "no_such_branch branch_in_use branch_moved unrelated_branch has_submodules has_lfs_files "
               "merge_conflict would_overwrite no_identity git_missing git_failed agent_running wrong_state "
               "has_children",
     .answers = "`{how, branch, into, before, after, commits, removed, workspace?, kept?}`; a refusal has changed "
                "nothing ([worktrees.md](worktrees.md))"},
};

}  // namespace

std::span<Route const> worktree_routes() { return rows; }

}  // namespace ar::control
