// What a child may have that an agent spawns by its own token: never more than that agent (docs/children.md).
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"
#include "daemon/agent/agent_spec.hpp"

namespace ar::daemon {

/// `child` has been read from `asked`; gets what it inherits. Its profile is its parent's, and must not be looked up.
/// Errors: not_granted with the field of which it asks more than its parent has.
Result<void> limit_to_parent(AgentSpec& child, json const& asked, AgentSpec const& parent);

}  // namespace ar::daemon
