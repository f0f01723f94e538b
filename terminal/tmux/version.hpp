// Which tmux there is, and whether it can be used.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"

#include <filesystem>
#include <string>

namespace ar::terminal {

/// The installed tmux's version, or why it cannot be used (tmux_missing, tmux_too_old), with the remedy.
awaitable<Result<std::string>> tmux_version(Executor executor, std::string tmux = "tmux");

/// Error: tmux_missing, with the remedy. `name`: of the program, or its path.
Result<std::filesystem::path> find_tmux(std::string const& name);
/// "3.3a", "next-3.5", "openbsd-7.4", as `program` or the server that it started says. Errors: tmux_failed,
/// tmux_too_old.
Result<void> check_tmux_version(std::filesystem::path const& program, std::string const& version);

}  // namespace ar::terminal
