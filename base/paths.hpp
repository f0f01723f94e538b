// Where things live on disk, and how they are written: private folders, files that are whole or absent.
#pragma once
#include "base/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ar {

/// The directories of one installation. By XDG, each overridable:
///   config   $XDG_CONFIG_HOME/agent-runner   (config.toml)
///   state    $XDG_STATE_HOME/agent-runner    (databases, tokens, logs, attachments, agents' folders)
///   runtime  STATE/run (sockets); where that is too long for them: a folder of its own in $XDG_RUNTIME_DIR
/// AGENT_RUNNER_STATE_DIR moves all three under one folder: a whole installation of its own (quickstart, tests).
struct Paths {
  std::filesystem::path config_file;
  std::filesystem::path state_dir;
  std::filesystem::path runtime_dir;

  std::filesystem::path control_socket() const { return runtime_dir / "control.sock"; }
  /// Where agents' own programs reach the daemon: in a folder of its own, for a sandbox to be given just that.
  std::filesystem::path agents_dir() const { return runtime_dir / "agents"; }
  std::filesystem::path agents_socket() const { return agents_dir() / "agents.sock"; }
  /// Which tools have hooks, for the hook clients: see daemon/tools/tool_hooks.hpp.
  std::filesystem::path tool_hooks_file() const { return agents_dir() / "tool-hooks"; }
  std::filesystem::path relay_socket() const { return runtime_dir / "relay.sock"; }
  std::filesystem::path tmux_socket() const { return runtime_dir / "tmux.sock"; }
  std::filesystem::path operator_token() const { return state_dir / "operator-token"; }
  std::filesystem::path log_file() const { return state_dir / "daemon.log"; }
  std::filesystem::path agent_dir(std::string_view agent_id) const { return state_dir / "agents" / agent_id; }
  /// `state` empty: from the environment. Fails when no home is known, or when the runtime directory is too long for
  /// a socket's name (107 bytes).
  static Result<Paths> resolve(std::string const& state = {});
};

/// Creates the folder and its parents; the folder itself is 0700. Refuses one that another user owns.
Result<void> make_private_dir(std::filesystem::path const& dir);
/// Whether a program of this user's can work in it; the error says what is wrong with it.
Result<void> check_directory(std::filesystem::path const& dir);
/// Writes beside and renames: readers see the old or the new file, whole, whenever we die. Mode 0600 unless said
/// otherwise. What a power cut takes away must be made anew, or be in a database.
Result<void> write_file(std::filesystem::path const& file, std::string_view content, unsigned mode = 0600);
/// The same, and waits until it is on the disk. That may take long while others write: not for the io thread.
Result<void> write_file_to_disk(std::filesystem::path const& file, std::string_view content);
/// Fails with code `too_large` past `limit` bytes, `file_not_found` when absent, `not_a_file` for what is no regular
/// file: reading a pipe or a device might never end.
Result<std::string> read_file(std::filesystem::path const& file, std::size_t limit);
/// The same of a file that lies, all links followed, below one of `folders`; else `outside_folders`.
Result<std::string> read_file_below(std::vector<std::filesystem::path> const& folders,
                                    std::filesystem::path const& file, std::size_t limit);
/// The absolute path of an executable: itself if it has a slash, else found in `search_path` ($PATH when empty).
Result<std::filesystem::path> find_executable(std::string const& name, std::string const& search_path = {});
/// The folder that holds this program's own installed files (plugins/, hooks/): beside the binary or ../share.
std::filesystem::path executable_dir();

}  // namespace ar
