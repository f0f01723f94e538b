// How an agent that speaks ACP is described: its row of kAcpAgents, and over that its table [providers.acp.NAME] in the
// configuration.
#pragma once
#include "adapters/adapter.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <map>
#include <string>
#include <vector>

namespace ar::adapters::acp {

struct Options {
  std::vector<std::string> command{};                ///< and its arguments
  std::map<std::string, std::string> environment{};  ///< set for the agent
  std::string auth_method{};  ///< asked for (authenticate) where the agent wants a login; empty: a person logs in
  bool loads = true;          ///< a conversation that it says it can load is there after its process was killed
  bool relay_tools = true;    ///< the agent gets agent-runner's tools by MCP (docs/mcp.md)
  std::string install{};      ///< for people whose machine has it not
};

/// Of the agent `name`. Errors name the key.
Result<Options> read_options(std::string const& name, json const& table);
/// With what the request adds to the command, or is the command.
Result<Options> options_of(std::string const& name, LaunchRequest const& request);

}  // namespace ar::adapters::acp
