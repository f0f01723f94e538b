// The embedded relay, served: by the daemon, if it is configured to, and by `agent-runnerd relay`, which does nothing
// else.
#pragma once
#include "base/paths.hpp"
#include "daemon/config/config.hpp"
#include "relay/server/relay_server.hpp"

#include <functional>
#include <memory>
#include <string>

namespace ar::daemon {

struct ServedRelay {
  std::string listen{};  ///< HOST:PORT; empty: on the unix socket only
  std::string tls_cert{}, tls_key{};
  bool insecure = false;
};
/// What the configuration says of it.
ServedRelay served_relay(Config const& config);

/// Opens the unix socket for this machine's operator, and the address. `on_death`: of what takes connections there.
awaitable<Result<std::unique_ptr<relay::RelayServer>>> serve_relay(relay::EmbeddedBus& bus, Paths const& paths,
                                                                   ServedRelay const& served,
                                                                   TaskGroup::OnDeath on_death);

/// A relay without agents; runs until SIGTERM or SIGINT. The last two as run_daemon's.
Result<void> run_relay(Paths const& paths, Config const& config, ServedRelay const& served,
                       std::function<void()> on_ready, std::function<void(Error const&)> const& last_words);

}  // namespace ar::daemon
