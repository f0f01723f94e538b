// The report of a cold start, for people (docs/recovery.md).
#pragma once
#include "base/json.hpp"
#include "cli/context.hpp"

namespace ar::cli {

/// `report`: as GET /v1/runtime/recovery has it.
void print_recovery(Context const& context, json const& report);

}  // namespace ar::cli
