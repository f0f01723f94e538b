#include "adapters/relay_tools.hpp"

#include <algorithm>

namespace ar::adapters {

bool has_relay_tools(LaunchRequest const& request, bool wanted) {
  bool const told = !request.profile || request.profile->relay_context;
  return wanted && told && !request.hook_client.empty();
}

bool is_unasked(std::string_view name) {
  std::string_view const begin = kToolsBegin;
  return name.starts_with(begin) && std::ranges::count(kUnaskedTools, name.substr(begin.size())) == 1;
}

json relay_server(LaunchRequest const& request) {
  // It lies beside the hook client.
  auto const program = request.hook_client.parent_path() / "agent-runner";
  return {{"command", program.string()}, {"args", {"mcp"}}};
}

}  // namespace ar::adapters
