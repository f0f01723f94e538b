#include "control/route.hpp"

namespace ar::control {

Result<json> Call::object() const {
  if (request.body.empty()) return ok(json::object());
  return parse_object(request.body);
}

std::vector<Route> const& routes() {
  static std::vector<Route> const all = [] {
    std::vector<Route> rows;
    for (auto const part :
         {system_routes(), agent_routes(), event_routes(), message_routes(), approval_routes(), hook_routes()})
      rows.insert(rows.end(), part.begin(), part.end());
    return rows;
  }();
  return all;
}

}  // namespace ar::control
