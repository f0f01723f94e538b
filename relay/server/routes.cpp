#include "relay/server/route.hpp"

#include <algorithm>

namespace ar::relay::server {

bool has_right(TokenInfo const& who, std::string_view right) {
  auto const& rights = who.scope.rights;
  return std::ranges::any_of(rights, [&](std::string const& own) { return own == "*" || own == right; });
}

bool may_be(TokenInfo const& who, std::string_view agent_id) {
  auto const& ids = who.scope.agent_ids;
  return ids.empty() || std::ranges::find(ids, agent_id) != ids.end();
}

Error forbidden(std::string message) { return {ErrorKind::forbidden, "wrong_scope", std::move(message)}; }

Result<json> Call::object() const {
  if (request.body.empty()) return ok(json::object());
  return parse_object(request.body);
}

Result<void> Call::check_agent(std::string_view agent_id) const {
  if (may_be(who, agent_id)) return {};
  return forbidden("token " + who.jti + " may not speak for \"" + std::string(agent_id.substr(0, 80)) +
                   "\"; it is one for other agents");
}

std::vector<Route> const& routes() {
  static std::vector<Route> const all = [] {
    std::vector<Route> rows;
    for (auto const part :
         {system_routes(), message_routes(), claim_routes(), work_routes(), agent_routes(), token_routes()})
      rows.insert(rows.end(), part.begin(), part.end());
    return rows;
  }();
  return all;
}

}  // namespace ar::relay::server
