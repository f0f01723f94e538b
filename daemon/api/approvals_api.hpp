// People in the loop: what providers ask, and the decisions.
#pragma once
#include "control/api/approvals_api.hpp"
#include "daemon/agent/approval_rules.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/api/access.hpp"
#include "daemon/fleet/supervisor.hpp"

#include <cstdint>
#include <string>

namespace ar::daemon {

class ApprovalsApi final : public control::ApprovalsApi {
 public:
  ApprovalsApi(Approvals& approvals, ApprovalRules& rules, Supervisor const& supervisor, Lineage const& lineage,
               Access const& access)
      : approvals_(approvals), rules_(rules), supervisor_(supervisor), lineage_(lineage), access_(access) {}

  awaitable<Result<json>> approvals(Page page) override;
  awaitable<Result<json>> approval(std::int64_t id) override;
  awaitable<Result<json>> decide(std::int64_t id, json decision, std::string where) override;
  awaitable<Result<json>> approval_rules() override;
  awaitable<Result<json>> add_approval_rule(json rule) override;
  awaitable<Result<json>> remove_approval_rule(std::string id) override;
  awaitable<Result<json>> test_approval_rules(json request) override;

 private:
  awaitable<Result<ApprovalRule>> rule_of(std::int64_t id, json always);

  Approvals& approvals_;
  ApprovalRules& rules_;
  Supervisor const& supervisor_;
  Lineage const& lineage_;
  Access const& access_;
};

}  // namespace ar::daemon
