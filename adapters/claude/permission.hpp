// What a PermissionRequest hook of Claude Code asks, and the output that answers it: values only.
#pragma once
#include "adapters/approval.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <string>

namespace ar::adapters::claude {

/// The request in a hook's payload. An AskUserQuestion is a question; everything else is a permission. Error: a payload
/// that names no tool.
Result<ApprovalRequest> request_of(std::string key, json const& payload);

/// The hook's output; empty without a decision: the dialog on the screen then stays.
json hook_output(json const& payload, Answer const& answer);

}  // namespace ar::adapters::claude
