// git as a child process, for the worktrees of agents: it asks nobody anything, and the io thread never waits for it.
#pragma once
#include "base/async.hpp"
#include "base/process/run_program.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

struct GitCall {
  Clock::duration patience = std::chrono::seconds(60);
  std::size_t most_kept = 4096;  ///< bytes of what it says
};
/// git in the folder `where`. It may run the repository's hooks and filters, so it gets no more of the daemon's
/// environment than an agent does. Errors: git_missing, those of run_program.
awaitable<Result<ProgramOutcome>> git(Executor executor, std::string where, std::vector<std::string> words,
                                      GitCall call = {});

/// The same without the repository's hooks and watchers, for what a person has not asked git for by hand: an agent may
/// have written them.
awaitable<Result<ProgramOutcome>> plain_git(Executor const& executor, std::string where, std::vector<std::string> words,
                                            GitCall call = {});
std::vector<std::string> lines_of(std::string_view said);
std::int64_t number_in(std::string_view said);  ///< 0: it begins with none

/// The branch that a working copy has checked out; empty: none.
awaitable<Result<std::string>> branch_of(Executor executor, std::string where);

/// "git cannot `what`", and git's own words.
Error git_failed(std::string const& what, ProgramOutcome const& outcome);

/// Deletes the branch while it is at `commit` and no working copy has it checked out. Returns why it is kept; empty: it
/// is gone.
awaitable<std::string> delete_branch(Executor executor, std::string repository, std::string branch, std::string commit);

}  // namespace ar::daemon
