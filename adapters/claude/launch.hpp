// How the Claude Code CLI is started for an agent: its arguments, its settings file, its environment.
#pragma once
#include "adapters/adapter.hpp"
#include "adapters/claude/options.hpp"

#include <filesystem>
#include <string>

namespace ar::adapters::claude {

/// Writes the settings and the system prompt below request.agent_dir/claude.
Result<LaunchPlan> plan_launch(LaunchRequest const& request, Options const& options);

/// The environment the CLI gets: the request's without what marks an enclosing session, and what the adapter
/// and the operator set.
std::map<std::string, std::string> launch_environment(LaunchRequest const& request, Options const& options);

/// "2.1.197". Runs the CLI, once for each state of the file, for at most `limit_ms`; blocks while it does. Any thread.
Result<std::string> cli_version(std::filesystem::path const& cli, int limit_ms = 10'000);

}  // namespace ar::adapters::claude
