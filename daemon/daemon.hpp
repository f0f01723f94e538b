// Puts the daemon together and runs it: the one place that knows every module.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/paths.hpp"
#include "daemon/config/config.hpp"

#include <functional>
#include <string>

namespace ar::daemon {

/// Runs until it is told to stop (SIGTERM, SIGINT, POST /v1/shutdown); agents stay unless the request said otherwise.
/// `on_ready` is called once everything is taken over and served; `last_words` before a process is cut off that does
/// not end (see live). Errors: already_running, tmux_missing, tmux_too_old, database_*, what the sockets say, `bug`
/// when a part without which nothing goes has died.
Result<void> run_daemon(Paths const& paths, Config const& config, std::function<void()> on_ready,
                        std::function<void(Error const&)> const& last_words);

/// Whether the providers' tables of the configuration are right; the error names file, line and key.
Result<void> check_providers(Config const& config);

/// What `agent-runner doctor` shows of this machine: {checks: [{level, subject, finding, remedy}]}.
json diagnose(Paths const& paths, Config const& config);

}  // namespace ar::daemon
