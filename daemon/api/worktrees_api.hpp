// What people ask about the worktrees of agents.
#pragma once
#include "control/api/worktrees_api.hpp"
#include "daemon/fleet/supervisor.hpp"
#include "daemon/services.hpp"

#include <set>
#include <string>

namespace ar::daemon {

class Access;

class WorktreesApi final : public control::WorktreesApi {
 public:
  WorktreesApi(Services& services, Supervisor& supervisor, Access const& access)
      : services_(services), supervisor_(supervisor), access_(access) {}

  awaitable<Result<json>> worktrees() override;
  awaitable<Result<json>> worktree_diff(std::string agent) override;
  awaitable<Result<json>> finish_worktree(std::string agent, json body) override;

 private:
  Result<std::shared_ptr<Agent>> with_worktree(std::string const& id) const;
  awaitable<Result<json>> finish(std::shared_ptr<Agent> agent, json body);

  Services& services_;
  Supervisor& supervisor_;
  Access const& access_;
  std::set<std::string, std::less<>> finishing_;  ///< agents
};

}  // namespace ar::daemon
