// People in the loop: what providers ask, and the decisions.
#pragma once
#include "control/api/approvals_api.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/api/access.hpp"
#include "daemon/fleet/supervisor.hpp"

#include <cstdint>
#include <string>

namespace ar::daemon {

class ApprovalsApi final : public control::ApprovalsApi {
 public:
  ApprovalsApi(Approvals& approvals, Supervisor const& supervisor, Lineage const& lineage, Access const& access)
      : approvals_(approvals), supervisor_(supervisor), lineage_(lineage), access_(access) {}

  awaitable<Result<json>> approvals(Page page) override;
  awaitable<Result<json>> approval(std::int64_t id) override;
  awaitable<Result<json>> decide(std::int64_t id, json decision, std::string where) override;

 private:
  Approvals& approvals_;
  Supervisor const& supervisor_;
  Lineage const& lineage_;
  Access const& access_;
};

}  // namespace ar::daemon
