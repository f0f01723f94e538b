// What waits for receivers outside, in few words, for people.
#pragma once
#include "base/json.hpp"

#include <string>

namespace ar::cli {

/// Why people should look at it; empty: nothing is stuck. `outbox`: as GET /v1/info has it; an older daemon's is empty.
std::string outbox_problem(json const& outbox);

inline constexpr char kToLookAtWebhooks[] =
    "agent-runner webhook list, then agent-runner webhook deliveries WEBHOOK says why";

}  // namespace ar::cli
