// Where a tool hook is asked: its URL, and whether the daemon may call it.
#pragma once
#include "base/error.hpp"
#include "base/http/http_client.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

struct CallbackUrl {
  http::Endpoint endpoint;  ///< without a path
  std::string target;       ///< path and query
};

/// http:// or https://, with a path and a query if need be. Error: invalid `callbackUrl`.
Result<CallbackUrl> read_callback(std::string const& url);
/// `hosts`: the setting tool_hooks.hosts. Loopback is always allowed: a hook runs beside the agents. Error: forbidden
/// `host_not_allowed`.
Result<void> check_host(std::string const& host, std::vector<std::string> const& hosts);

}  // namespace ar::daemon
