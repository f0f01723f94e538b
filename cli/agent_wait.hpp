// Waiting for an agent that starts, over restarts of the daemon.
#pragma once
#include "cli/api_client.hpp"

namespace ar::cli {

class Context;

/// Until it is ready, a person is needed, or it has failed: `agent` is as it stands then. An agent whose program ends
/// is started again for some seconds before it counts as failed. Errors: person_needed, start_failed, timed out.
Result<void> wait_until_ready(Context const& context, ApiClient& api, json& agent, milliseconds patience);

}  // namespace ar::cli
