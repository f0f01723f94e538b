#include "adapters/relay_tools.hpp"

namespace ar::adapters {

bool has_relay_tools(LaunchRequest const& request, bool wanted) {
  bool const told = !request.profile || request.profile->relay_context;
  return wanted && told && !request.hook_client.empty();
}

json relay_server(LaunchRequest const& request) {
  // It lies beside the hook client.
  auto const program = request.hook_client.parent_path() / "agent-runner";
  return {{"command", program.string()}, {"args", {"mcp"}}};
}

}  // namespace ar::adapters
