// The daemon and the other programs that lie beside this one.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/paths.hpp"

#include <chrono>
#include <string>
#include <sys/types.h>
#include <vector>

namespace ar::cli {

/// Starts agent-runnerd for this installation and returns when it is ready. Several callers at once start one
/// daemon: the others wait for it. Contract with the daemon: `agent-runnerd --ready-fd 1 --state-dir D` (the
/// latter when the installation was chosen by AGENT_RUNNER_STATE_DIR) writes one line, "READY" or "ERROR
/// <message>", to that descriptor and closes it; it does not daemonise by itself. Where the user has enabled
/// agent-runner.service, that is started.
Result<void> start_daemon(Paths const& paths);

/// A daemon that is there and does not answer: which process, and what to do about it.
Error no_answer(pid_t pid, std::filesystem::path const& socket);

/// Waits for the end of a process that is not our child. False at the deadline.
bool wait_for_exit(int pidfd, std::chrono::milliseconds patience);
/// A descriptor that becomes readable when the process ends; -1 when it is gone already. The caller closes
/// it.
int open_pidfd(pid_t pid);
/// Ends, by SIGTERM, the daemon of this installation that has no socket at which one could ask it to.
Result<void> end_unreachable(Paths const& paths, pid_t pid, std::chrono::milliseconds patience);

/// Becomes the program beside this one; returns only when that fails.
Error become(std::string const& program, std::vector<std::string> const& arguments);
/// Runs the program beside this one and returns what it printed; stderr is ours. `code` receives its exit
/// status.
Result<std::string> output_of(std::string const& program, std::vector<std::string> const& arguments, int& code);

}  // namespace ar::cli
