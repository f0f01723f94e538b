// The [providers.codex] table of the configuration.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"

#include <map>
#include <string>
#include <vector>

namespace ar::adapters::codex {

struct Options {
  std::string command = "codex";                     ///< name or path of the CLI
  std::map<std::string, std::string> environment{};  ///< set after everything inherited was scrubbed; CODEX_HOME too
  json settings = json::object();  ///< Codex's own configuration keys, nested or dotted; they win over config.toml

  // How often Codex asks its model provider again before a turn fails; absent: as Codex is configured.
  std::optional<std::int64_t> request_retries{};
  std::optional<std::int64_t> stream_retries{};
  bool wait_for_network = false;  ///< let a turn wait without limit while the provider cannot be reached

  bool relay_tools = true;  ///< the agent gets agent-runner's tools by MCP (docs/mcp.md)

  bool tool_hooks = false;  ///< Codex runs a hook of ours around each tool call, so that tool hooks are asked

  bool view = true;  ///< show the thread to people in the agent's terminal
};

Result<Options> read_options(json const& table);

/// `settings` as Codex's command line takes them: "features.plugins=false", values in TOML.
std::vector<std::string> overrides(json const& settings);

}  // namespace ar::adapters::codex
