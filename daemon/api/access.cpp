#include "daemon/api/access.hpp"

#include "base/ids.hpp"
#include "daemon/agent/lineage.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/store/removed.hpp"

#include <algorithm>

namespace ar::daemon {

Access::Access(Supervisor const& supervisor, Lineage const& lineage, Removed const& removed,
               std::filesystem::path operator_token_file)
    : supervisor_(supervisor),
      lineage_(lineage),
      removed_(removed),
      operator_token_file_(std::move(operator_token_file)) {}

bool Access::is_descendant(std::string const& agent, std::string const& of) const {
  if (lineage_.find(agent)) return lineage_.is_descendant(agent, of);
  auto const* const owner = removed_.owner_of(kAgentNoun, agent);
  return owner && !owner->empty() && (*owner == of || lineage_.is_descendant(*owner, of));
}

bool Access::may_see(Principal const& who, std::string const& agent) const {
  if (who.kind == Principal::Kind::operator_) return true;
  return who.kind == Principal::Kind::agent && (agent == who.agent_id || is_descendant(agent, who.agent_id));
}

Result<void> Access::check_open() const {
  if (open_) return {};
  return unavailable("starting", "the daemon is still taking over its agents; try again in a moment");
}

void Access::set_operator_token(std::string token, std::optional<WallTime> end) {
  operator_token_ = std::move(token);
  operator_token_end_ = end;
}

bool Access::operator_revoked(std::vector<std::string> const& hashes) {
  if (std::ranges::find(hashes, sha256_hex(operator_token_)) == hashes.end()) return false;
  operator_token_.clear();
  return true;
}

Result<Principal> Access::authenticate(std::string_view token) {
  auto const refused = [](std::string why) { return Error{ErrorKind::unauthorized, "unauthorized", std::move(why)}; };
  if (!operator_token_.empty() && equal_secrets(token, operator_token_)) {
    if (!operator_token_end_ || wall_now() < *operator_token_end_) return Principal{Principal::Kind::operator_};
    return refused("the operator's token expired at " + to_iso8601(*operator_token_end_) +
                   "; the next start of the daemon makes a new one");
  }
  if (auto const agent = supervisor_.find_by_token(token)) {
    auto const problem = token_problem(agent->token(), wall_now());
    if (problem.empty()) return Principal{Principal::Kind::agent, agent->id()};
    return refused("agent " + agent->id() + ": " + problem + "; `agent-runner restart` gives it a new one");
  }
  if (auto open = check_open(); !open) return open.error();  // it may be one of an agent that is not taken over yet
  return refused("the bearer token is unknown; the operator's is in " + operator_token_file_.string());
}

}  // namespace ar::daemon
