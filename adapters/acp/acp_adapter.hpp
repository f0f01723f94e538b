// Agents that speak the Agent Client Protocol on their standard input and output (docs/acp-agents.md): one adapter for
// each, by the name of its provider.
#pragma once
#include "adapters/adapter.hpp"

#include <memory>
#include <string>

namespace ar::adapters {

/// `name`: a row of kAcpAgents, a table [providers.acp.NAME], or `acp`: the command that the request itself names.
std::shared_ptr<Adapter const> make_acp_adapter(std::string name);
inline std::shared_ptr<Adapter const> make_acp_adapter() { return make_acp_adapter("acp"); }

}  // namespace ar::adapters
