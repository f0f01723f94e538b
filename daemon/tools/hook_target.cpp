#include "daemon/tools/hook_target.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>

namespace ar::daemon {
namespace {

bool is_loopback(std::string_view address) {
  boost::system::error_code ec;
  auto const read = boost::asio::ip::make_address(address, ec);
  return !ec && read.is_loopback();
}

bool is_here(std::string_view host) { return http::lower_case(host) == "localhost" || is_loopback(host); }

bool is_named(std::string_view host, std::vector<std::string> const& hosts) {
  auto const name = http::lower_case(host);
  return std::ranges::any_of(hosts, [&](auto const& known) { return known == "*" || http::lower_case(known) == name; });
}

}  // namespace

Result<Target> read_hook_target(std::string const& url) {
  auto target = read_target(url);
  if (!target) return invalid("callbackUrl", target.error().message);
  return target;
}

Result<void> check_host(std::string const& host, std::vector<std::string> const& hosts) {
  if (is_here(host) || is_named(host, hosts)) return {};
  return Error{ErrorKind::forbidden, "host_not_allowed",
               "tool hooks are called on this machine only, and " + host +
                   " is another host; name it in tool_hooks.hosts of the configuration",
               "callbackUrl"};
}

bool may_ask_at(std::string_view address, http::Endpoint const& endpoint, std::vector<std::string> const& hosts) {
  if (!is_here(endpoint.host) && is_named(endpoint.host, hosts)) return may_connect(address, endpoint.secure, true);
  return is_loopback(address);
}

}  // namespace ar::daemon
