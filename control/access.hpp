// Who may talk to the control server at all, by the request's headers (docs/control-api.md).
#pragma once
#include "base/error.hpp"
#include "base/http/http.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace ar::control {

using http::Request;

/// localhost, 127.0.0.1 or [::1], with any port or none: other names come from a page that rebinds its DNS
/// name to us.
bool is_loopback_host(std::string_view host);
/// The server's own origin: http, a loopback name and its port.
bool is_own_origin(std::string_view origin, std::uint16_t port);

/// Why the request's Host or Origin is refused. Over TCP a Host is needed; on the unix socket any is as good
/// as none.
std::optional<Error> check_host_and_origin(Request const& request, std::uint16_t port);

}  // namespace ar::control
