#include "daemon/api/users_api.hpp"

#include <map>
#include <string>
#include <utility>

namespace ar::daemon {

awaitable<Result<json>> UsersApi::users(Page page) {
  if (auto open = access_.check_open(); !open) co_return open.error();
  struct Count {
    int agents = 0, running = 0;
  };
  std::map<std::pair<std::string, std::string>, Count> all;  // by kind and name, which no coming and going changes
  all[{"operator", kOperator}];
  if (own_bus_) {
    auto const tokens = co_await own_bus_->tokens();
    if (!tokens) co_return tokens.error();
    for (auto const& token : *tokens)
      if (!token.name.empty() && !token.revoked) all[{"token", token.name}];
  }
  for (auto const& [id, agent] : supervisor_.agents()) {
    all[{"agent", id}];
    auto const& user = agent->spec().user;
    auto& count = all[{user == kOperator ? "operator" : "agent", user}];
    ++count.agents;
    if (!is_at_rest(agent->state())) ++count.running;
  }
  json answer = {{"users", json::array()}};
  std::string last;
  for (auto const& [who, count] : all) {
    auto const place = who.first + "/" + who.second;
    if (place <= page.after) continue;
    if (std::ssize(answer["users"]) == page.limit) {
      answer["nextCursor"] = last;
      break;
    }
    answer["users"].push_back(
        {{"kind", who.first}, {"name", who.second}, {"agents", count.agents}, {"running", count.running}});
    last = place;
  }
  co_return ok(std::move(answer));
}

}  // namespace ar::daemon
