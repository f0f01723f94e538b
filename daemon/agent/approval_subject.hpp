// What rules look at of a provider's request: whatever the provider calls things, a command, paths, an address.
#pragma once
#include "adapters/approval.hpp"
#include "model/approval_rule.hpp"

#include <string>

namespace ar::daemon {

/// `agent_cwd`: where it is done unless the request says otherwise.
ApprovalSubject subject_of(adapters::ApprovalRequest const& request, std::string const& agent_cwd);

}  // namespace ar::daemon
