// Waiting for what becomes of a message, over restarts of the daemon.
#pragma once
#include "cli/api_client.hpp"

#include <string>

namespace ar::cli {

class Context;

/// `until`: accepted or done. The message as it is then; timed out: how it stands.
Result<json> wait_for_message(Context const& context, ApiClient& api, std::string const& id, std::string const& store,
                              std::string const& until, milliseconds patience);
/// The answers, or where there are none what the turn ended with.
void print_replies(Context const& context, json const& message);

}  // namespace ar::cli
