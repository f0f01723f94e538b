#include "daemon/tools/callback.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>

namespace ar::daemon {

Result<CallbackUrl> read_callback(std::string const& url) {
  auto const bad = [](std::string const& why) {
    return invalid("callbackUrl", "callbackUrl " + why + "; write it like http://127.0.0.1:8080/hooks/scan");
  };
  // It becomes a line of HTTP.
  if (!std::ranges::all_of(url, [](char c) { return c > ' ' && c <= '~'; }))
    return bad("holds a blank or a character that is not ASCII");
  if (url.find('#') != std::string::npos) return bad("has a fragment");
  auto const authority = url.find("://");
  if (authority == std::string::npos) return bad("does not start with http:// or https://");
  auto const path = std::min(url.find_first_of("/?", authority + 3), url.size());
  auto endpoint = http::parse_endpoint(std::string_view(url).substr(0, path));
  if (!endpoint) return bad("is no URL of an HTTP server, or names a user");
  CallbackUrl callback{std::move(*endpoint), url.substr(path)};
  if (!callback.target.starts_with('/')) callback.target.insert(0, "/");
  return callback;
}

Result<void> check_host(std::string const& host, std::vector<std::string> const& hosts) {
  error_code no_address;
  auto const address = net::ip::make_address(host, no_address);
  auto const name = http::lower_case(host);
  if (no_address ? name == "localhost" : address.is_loopback()) return {};
  if (std::ranges::any_of(hosts, [&](auto const& known) { return known == "*" || http::lower_case(known) == name; }))
    return {};
  return Error{ErrorKind::forbidden, "host_not_allowed",
               "tool hooks are called on this machine only, and " + host +
                   " is another host; name it in tool_hooks.hosts of the configuration",
               "callbackUrl"};
}

}  // namespace ar::daemon
