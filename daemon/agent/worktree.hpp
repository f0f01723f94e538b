// An agent's own git worktree and branch of the repository that its directory is in. Made before the agent, removed
// with it when nothing in it would be lost. git runs as a child process; the io thread never waits.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace ar::daemon {

struct Workspace {
  std::string requested_mode = "shared";  ///< shared or worktree
  std::string mode = "shared";            ///< what it became
  std::string path{}, branch{};           ///< of the worktree
  std::string repository{};               ///< the working copy it was made from
  std::string commit{};                   ///< that its branch was made at; empty in what an older daemon has written
  bool is_worktree() const { return mode == "worktree"; }
};
json to_json(Workspace const& workspace);
Workspace workspace_from(json const& stored);

struct NewWorktree {
  Workspace workspace;
  std::string cwd;  ///< where in it the agent works: as deep as it was asked for
};
/// From HEAD of the repository around `cwd`, at `path`, on a new branch. `announce` is told of it when nothing speaks
/// against it any more and nothing has been made yet; its error ends the matter. Errors: git_missing,
/// not_a_repository, no_commit, dirty_index (what is staged would not be in it), branch_taken, path_taken, git_failed.
/// git_slow (the checkout, or a hook of the repository, has not ended within `patience`). Nothing is left of one that
/// failed, and nothing is removed but what this call has made.
using Announce = std::function<awaitable<Result<void>>(Workspace)>;
inline constexpr std::chrono::seconds kCheckoutPatience{60};  ///< half of what the CLI waits for a spawn
awaitable<Result<NewWorktree>> make_worktree(Executor executor, std::string cwd, std::filesystem::path path,
                                             std::string branch, Announce announce = {},
                                             Clock::duration patience = kCheckoutPatience);
/// Removes one in which nobody has worked yet, even if it was made by half only, and its branch if that is where it
/// was made. False: it is still there.
awaitable<bool> discard_worktree(Executor executor, Workspace workspace);

/// Makes one anew whose folder is gone, from its branch as that is now: what was not committed is lost. False: it is
/// there. Errors: worktree_gone (the repository or the branch is not there either), git_failed, and those of git itself.
awaitable<Result<bool>> remake_worktree(Executor executor, Workspace workspace);

struct Removal {
  bool removed = false;  ///< the worktree
  bool branch_deleted = false;
  std::string kept{};  ///< why the worktree, or then its branch, was kept; for people
};
/// Removes it when it is clean and every commit made in it is on a branch or tag (in a submodule: on a remote or tag),
/// and its branch when that has no commit of its own, or is at `finished`: another branch has its contents. Errors:
/// none but those of git itself (git_missing, git_failed), and then nothing was removed.
awaitable<Result<Removal>> remove_worktree(Executor executor, Workspace workspace, std::string finished = {});

}  // namespace ar::daemon
