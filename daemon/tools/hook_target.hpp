// Where a tool hook is asked, and whether the daemon may go there.
#pragma once
#include "base/error.hpp"
#include "daemon/outbox/target.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

/// Error: invalid `callbackUrl`.
Result<Target> read_hook_target(std::string const& url);
/// `hosts`: the setting tool_hooks.hosts. Loopback is always allowed: a hook runs beside the agents. Error: forbidden
/// `host_not_allowed`.
Result<void> check_host(std::string const& host, std::vector<std::string> const& hosts);
/// Whether a hook of that endpoint may be asked at this address, for which its host stands: a name that is not in
/// `hosts` must stand for this machine; others may for private networks, and with https for any.
bool may_ask_at(std::string_view address, http::Endpoint const& endpoint, std::vector<std::string> const& hosts);

}  // namespace ar::daemon
