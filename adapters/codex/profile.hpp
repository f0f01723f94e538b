// An agent profile carried out for Codex: its home (CODEX_HOME) below agent_dir, what the app server and its thread are
// told, and the skills. Measured with 0.169.0:
//   - skills also come from HOME/.agents: the server gets a HOME of its own, its commands the person's
//   - a project that is "untrusted" brings no .codex/config.toml, so no MCP servers, hooks and rules, and no AGENTS.md
//     either; the home's own AGENTS.md is read in any case
//   - the login is read and written through a link
//   - a command that an exec policy rule allows runs outside the sandbox, in every mode, if it is one plain command: no
//     pipe, no redirection, no here-document, no "$VARIABLE" and no quotes around its name
#pragma once
#include "adapters/adapter.hpp"
#include "adapters/codex/options.hpp"

namespace ar::adapters::codex {

/// What a thread may do without asking, in Codex's words; both empty: as Codex is configured.
struct Permission {
  std::string approval{}, sandbox{};
};
/// read-only, guarded, auto, full, a sandbox mode of Codex's own (which then asks on request), or empty; nothing for
/// any other name.
std::optional<Permission> permission(std::string const& approval_mode);

struct Projection {
  std::vector<std::string> overrides{};  ///< KEY=VALUE for the app server's -c
  json thread_config = json::object();   ///< of thread/start: what may hold secrets
  std::vector<std::string> skill_roots{};
  ProjectionReport report{};
};
/// Reads files, writes none.
Projection project(LaunchRequest const& request, Options const& options);
void project_environment(LaunchRequest const& request, std::map<std::string, std::string>& environment);
/// Writes the home, and the folder of skills: agent-runner's own and the profile's.
Result<void> write_profile(LaunchRequest const& request, Options const& options);

/// How the agent calls the command line tool: by its path, since a login shell resets PATH and only a plain word is let
/// out of the sandbox. "$AGENT_RUNNER_CLI" where the path is no plain word.
std::string cli_command(LaunchRequest const& request);

/// What is wrong with how a CODEX_HOME's config.toml is written; empty: nothing, or there is none.
std::string fault_in_settings(std::filesystem::path const& home);

}  // namespace ar::adapters::codex
