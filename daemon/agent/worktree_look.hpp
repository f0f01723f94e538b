// What an agent has made in its worktree so far, for people: how far its branch is, and the changes themselves.
#pragma once
#include "daemon/agent/worktree.hpp"

namespace ar::daemon {

/// {path, branch, repository, into, ahead, behind, changed, problem}: `into` is the branch that the repository has
/// checked out (null: none), `ahead` and `behind` count the commits that one has and the other has not, `changed` the
/// files that are not committed; `problem`: why these could not be found (they are null then), else null.
awaitable<json> look_at_worktree(Executor executor, Workspace workspace);

/// {path, branch, base, stat, diff, untracked, truncated}: all that is changed since `base`, the last commit that it
/// has in common with the branch that the repository has checked out, committed or not. At most 1 MiB of it. Errors:
/// git_missing, git_failed, worktree_gone.
awaitable<Result<json>> worktree_diff(Executor executor, Workspace workspace);

}  // namespace ar::daemon
