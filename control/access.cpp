#include "control/access.hpp"

#include "base/http/url.hpp"

namespace ar::control {
namespace {

using http::lower_case;
using http::parse_number;

bool is_loopback_name(std::string_view name) {
  std::string const lower = lower_case(name);
  return lower == "localhost" || lower == "127.0.0.1" || lower == "[::1]";
}

/// Splits "name:port"; the port is empty when absent. Brackets belong to the name.
struct HostPort {
  std::string_view name, port;
  bool has_port = false;
};
HostPort split_host(std::string_view host) {
  auto const colon = host.rfind(':');
  auto const bracket = host.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return {host, {}};
  return {host.substr(0, colon), host.substr(colon + 1), true};
}

bool is_port(std::string_view text) {
  auto const number = parse_number(text);
  return number && *number >= 1 && *number <= 65535;
}

Error refused(std::string code, std::string field, std::string message) {
  return {ErrorKind::forbidden, std::move(code), std::move(message), std::move(field)};
}

}  // namespace

bool is_loopback_host(std::string_view host) {
  HostPort const parts = split_host(host);
  return is_loopback_name(parts.name) && (!parts.has_port || is_port(parts.port));
}

bool is_own_origin(std::string_view origin, std::uint16_t port) {
  constexpr std::string_view scheme = "http://";
  if (lower_case(origin.substr(0, scheme.size())) != scheme) return false;
  HostPort const parts = split_host(origin.substr(scheme.size()));
  return is_loopback_name(parts.name) && parts.port == std::to_string(port);
}

std::optional<Error> check_host_and_origin(Request const& request, std::uint16_t port) {
  if (!request.over_unix) {
    auto const host = request.header("host");
    if (!host || !is_loopback_host(*host))
      return refused("bad_host", "Host",
                     "over TCP the Host header must be localhost, 127.0.0.1 or [::1]; use the address in the runner's "
                     "info file");
  }
  if (auto const origin = request.header("origin"); origin && !is_own_origin(*origin, port))
    return refused("bad_origin", "Origin", "pages of other origins may not call this server; send no Origin header");
  return std::nullopt;
}

}  // namespace ar::control
