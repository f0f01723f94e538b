// agent-runner's own MCP server (docs/mcp.md), as agents are given it: the command line tool, which speaks to the
// daemon by the agent's own token.
#pragma once
#include "adapters/adapter.hpp"

#include <chrono>
#include <string_view>

namespace ar::adapters {

inline constexpr char kRelayServer[] = "agent-runner";
/// Tools that nobody is asked about, as with the command's verbs: they look, or answer who has written.
inline constexpr std::string_view kUnaskedTools[] = {"list_agents", "get_agent",  "wait_message", "inbox",
                                                     "reply",       "react",      "read_turns",   "search",
                                                     "memory_get",  "memory_list"};
/// How Claude Code names them all.
inline constexpr char kToolsBegin[] = "mcp__agent-runner__";
/// Whether it is one of those, by that name.
bool is_unasked(std::string_view name);
/// The longest wait of a tool, and some time for the answer.
inline constexpr std::chrono::seconds kLongestToolCall{3'660};

/// `wanted`: by the provider's table in the configuration.
bool has_relay_tools(LaunchRequest const& request, bool wanted);
/// {command, args}
json relay_server(LaunchRequest const& request);

}  // namespace ar::adapters
