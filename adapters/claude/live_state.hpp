// What Claude Code says about itself in $CFG/sessions/PID.json, and where it keeps its files.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace ar::adapters::claude {

struct LiveState {
  /// `shell`: idle, while a background shell of the session still runs.
  enum class Status { idle, busy, waiting, shell, other };
  Status status = Status::other;
  std::string waiting_for{};  ///< "permission prompt", "dialog open"
  std::string session_id{};
  std::string version{};
  std::string socket{};  ///< where it takes messages; empty: nowhere
  bool busy() const { return status == Status::busy; }
  bool waiting() const { return status == Status::waiting; }
  bool at_rest() const { return status == Status::idle || status == Status::shell; }
};

/// Nothing for a text that is no such record (a file caught while it is written: the next event brings it
/// whole).
std::optional<LiveState> parse_live_state(std::string_view text);

/// The CLI's folder, from the environment it gets: CLAUDE_CONFIG_DIR, else HOME/.claude.
std::filesystem::path config_dir(std::map<std::string, std::string> const& environment);
std::filesystem::path live_state_file(std::filesystem::path const& config, pid_t pid);
/// Where the CLI keeps the transcript of a session that runs in `cwd`.
std::filesystem::path transcript_file(std::filesystem::path const& config, std::filesystem::path const& cwd,
                                      std::string const& session_id);

}  // namespace ar::adapters::claude
