// An agent profile carried out for Claude Code: which arguments, settings and environment it takes, and the home
// (CLAUDE_CONFIG_DIR) of the agent's own below agent_dir. What the CLI reads when was measured with 2.1.197:
//   - a home of its own does not keep ~/.claude/CLAUDE.md out where the project lies below the person's home: it is
//   read
//     as a parent folder's; claudeMdExcludes does
//   - --setting-sources user leaves out all of the project's: settings, hooks, skills and CLAUDE.md; the last comes
//   back
//     with --add-dir and CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD
//   - --strict-mcp-config leaves only --mcp-config
//   - CLAUDE_SECURESTORAGE_CONFIG_DIR names the folder of the login alone: the host's is used, and renewed, in its
//   place
#pragma once
#include "adapters/adapter.hpp"
#include "adapters/claude/options.hpp"

namespace ar::adapters::claude {

/// What the profile makes of a start of the CLI. Reads files, writes none.
struct Projection {
  std::vector<std::string> arguments{};
  json settings = json::object();     ///< under what the adapter itself sets
  json mcp_servers = json::object();  ///< for --mcp-config, with what they need to know: never in arguments
  bool own_mcp_file = false;
  ProjectionReport report{};
};
Projection project(LaunchRequest const& request, Options const& options);

/// The environment's part of it, added to what the agent gets otherwise.
void project_environment(LaunchRequest const& request, std::map<std::string, std::string>& environment);

/// The bundle with agent-runner's hooks; without its skills where the profile says nothing of the bus.
std::filesystem::path bundle_of(LaunchRequest const& request);

/// Writes the home, the servers' file and the folder of skills that project() names.
Result<void> write_profile(LaunchRequest const& request, Options const& options, Projection const& projection);

/// read-only → plan, guarded → default, auto → acceptEdits, full → bypassPermissions; else the CLI's own mode
/// name. Empty: leave it to the CLI. Nothing for a name neither of them knows.
std::optional<std::string> permission_mode(std::string const& approval_mode);

}  // namespace ar::adapters::claude
