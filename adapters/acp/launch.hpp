// How an agent that speaks ACP is started: one process of ours in the terminal, agent-runner-acp, which runs the agent
// behind it (host/host_main.cpp).
#pragma once
#include "adapters/acp/options.hpp"
#include "adapters/adapter.hpp"

#include <map>
#include <string>

namespace ar::adapters::acp {

Result<LaunchPlan> plan_launch(std::string const& name, LaunchRequest const& request, Options const& options);
std::map<std::string, std::string> launch_environment(LaunchRequest const& request, Options const& options);
/// The MCP servers of its profile and ours, as session/new takes them. `http`: the agent takes those with a URL, too.
json mcp_servers(LaunchRequest const& request, Options const& options, bool http);
ProjectionReport projection(LaunchRequest const& request);

}  // namespace ar::adapters::acp
