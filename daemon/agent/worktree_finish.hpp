// Brings what an agent has committed in its worktree into another branch. Everything that speaks against it is looked
// for first; conflicts are found without touching any working copy, so a refusal leaves all as it was. No hook of the
// repository runs: an agent may have written it.
#pragma once
#include "daemon/agent/worktree.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace ar::daemon {

enum class FinishHow {
  merge,   ///< its commits, and one that joins them where that is needed
  squash,  ///< one commit
  rebase,  ///< its commits, written anew on top of the branch
};
std::optional<FinishHow> finish_how_from(std::string_view word);
std::string_view to_string(FinishHow how);

struct Finish {
  FinishHow how = FinishHow::merge;
  std::string into{};             ///< empty: the branch that the repository has checked out
  std::string message{};          ///< of a commit that is made; empty: one from its commits
  std::filesystem::path scratch;  ///< for a rebase: a folder that this may make and remove
};

struct Finished {
  std::string into{}, before{}, after{};  ///< the branch and its commits; the same: there was nothing to bring
  std::string tip{};                      ///< of the agent's branch, which stays as it is
  std::int64_t commits = 0;               ///< of the agent's that the branch did not have
};

/// Repeated after a success it finds nothing to bring. Errors: git_missing, git_failed, and before anything is done
/// worktree_gone, detached_head, operation_in_progress, worktree_dirty, no_such_branch, branch_in_use, no_identity,
/// unrelated_branch, has_submodules, has_lfs_files, merge_conflict (with the files), would_overwrite (what is not
/// committed in the repository), branch_moved (somebody else was faster).
awaitable<Result<Finished>> finish_worktree(Executor executor, Workspace workspace, Finish finish);

}  // namespace ar::daemon
