// Which tmux server is ours, and how one is started.
#pragma once
#include "base/async.hpp"

#include <filesystem>
#include <string>

namespace ar::terminal {

struct TmuxOptions {
  std::filesystem::path socket;    ///< the server's own socket; its folder is made private
  std::filesystem::path record{};  ///< a file that remembers which process the server is; none: it is not remembered
  std::filesystem::path launcher;  ///< agent-runner-launch
  std::string tmux = "tmux";       ///< name or path of the program
  /// The daemon is a service of a user's systemd: a server that has to be started gets a scope of its own there, where
  /// that works. Not for others: a scope ends with the user's manager, which without lingering is at the last logout.
  bool own_scope = false;
  std::string systemd_run = "systemd-run";  ///< name or path of the program
  TaskGroup::OnDeath on_death{};            ///< some of the terminals, or all, are not watched any more
};

}  // namespace ar::terminal
