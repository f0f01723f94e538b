// What an agent's provider can do, as the bus is told of it (docs/bus.md).
#pragma once
#include "base/json.hpp"
#include "daemon/agent/agent_spec.hpp"

namespace ar::daemon {

/// `facts`: what the adapter says of its provider, to which is added what is known of this agent now. `context_use`:
/// what its provider has told of its context; null: nothing yet.
json provider_capabilities(json facts, AgentSpec const& spec, AgentRecord const& record, json const& context_use);

/// Milliseconds since 1970, as the bus has times in an agent's meta; null: it has not happened.
json millis_or_null(WallTime at);

}  // namespace ar::daemon
