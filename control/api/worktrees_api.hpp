// The git worktrees of agents: seen, compared, and brought to an end (docs/worktrees.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <string>

namespace ar::control {

/// io thread only. Errors: no_such_agent, no_worktree, git_missing, git_failed, worktree_gone.
class WorktreesApi {
 public:
  virtual ~WorktreesApi() = default;
  virtual awaitable<Result<json>> worktrees() = 0;  ///< {worktrees: [...]}
  virtual awaitable<Result<json>> worktree_diff(std::string agent) = 0;
  /// `body`: {how?, into?, keep?, message?}. Errors besides: agent_running, wrong_state, has_children, and those that
  /// git's situation has (daemon/agent/worktree_finish.hpp).
  virtual awaitable<Result<json>> finish_worktree(std::string agent, json body) = 0;
};

}  // namespace ar::control
