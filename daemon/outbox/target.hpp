// Where the outbox may send: a URL that somebody has named can lead into this machine and its network, where services
// trust whoever reaches them.
#pragma once
#include "base/error.hpp"
#include "base/http/http_client.hpp"

#include <string>
#include <string_view>

namespace ar::daemon {

/// open: anybody's. near: this machine and private networks. never: what no receiver has, as "any address", link-local
/// ones, multicast, and those at which clouds give away credentials.
enum class Reach { open, near, never };
/// Of an IPv4 or IPv6 address; what is none is `never`. An IPv4 address inside of an IPv6 one counts as itself.
Reach reach_of(std::string_view address);
/// https goes to open addresses; both go to near ones, where these are allowed.
bool may_connect(std::string_view address, bool secure, bool near_allowed);

struct Target {
  http::Endpoint endpoint;
  std::string path;  ///< with the query, as written
};
/// Errors: invalid `url`.
Result<Target> read_target(std::string_view url);
/// What can be told before its name is looked up: read_target's errors; address_refused.
Result<void> check_target(std::string_view url, bool near_allowed);

}  // namespace ar::daemon
