// A tmux server in a control group of its own, when the daemon is a systemd user service: stopping, killing
// or limiting the service then cannot touch the agents, and their memory is counted as theirs.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace ar::terminal {

struct ScopeSpec {
  std::string systemd_run;           ///< name or path of the program
  std::filesystem::path socket;      ///< of the server
  std::vector<std::string> starter;  ///< the command that starts it and ends, program included
  /// The server's whole environment, "K=V", no secrets: it shows in argv.
  std::vector<std::string> environment;
};

/// Starts the server, unless one listens at the socket already. An error says why that cannot be done here
/// (no user manager, say), soon enough to start the server in some other way.
awaitable<Result<void>> start_server_in_scope(Executor executor, ScopeSpec spec);

}  // namespace ar::terminal
