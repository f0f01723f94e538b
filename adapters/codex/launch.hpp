// How Codex is started for an agent: one process of ours in the terminal, agent-runner-codex, which runs the
// app server behind it and shows people the thread before it (host_main.cpp); where its files are; what may
// be asked of it.
#pragma once
#include "adapters/adapter.hpp"
#include "adapters/codex/options.hpp"

#include <filesystem>
#include <string>

namespace ar::adapters::codex {

/// Below the agent's folder; host_main.cpp knows the same names.
struct Files {
  std::filesystem::path dir;
  std::filesystem::path socket;  ///< where the app server listens
  std::filesystem::path thread;  ///< the id of the thread that is shown; written by the session
  std::filesystem::path log;     ///< what the app server has to say
};
Files files_of(LaunchRequest const& request);

Result<LaunchPlan> plan_launch(LaunchRequest const& request, Options const& options);

/// The environment Codex gets: the request's, what the operator set, and its own tools on PATH.
std::map<std::string, std::string> launch_environment(LaunchRequest const& request, Options const& options);
/// Where Codex keeps its configuration and its records.
std::filesystem::path codex_home(std::map<std::string, std::string> const& environment);

/// The CLI itself: npm installs a script that would stand between us and it.
std::filesystem::path native_program(std::filesystem::path const& found);
/// "0.169.0". Runs the CLI, once for each state of the file; blocks while it does. Any thread.
Result<std::string> cli_version(std::filesystem::path const& cli);
/// Finds the CLI and refuses one that is missing or too old, with the remedy.
Result<std::filesystem::path> find_cli(std::string const& command, std::string const& search_path);

}  // namespace ar::adapters::codex
