// The embedded relay, served: by the daemon, if it is configured to, and by `agent-runnerd relay`, which does nothing
// else.
#pragma once
#include "base/paths.hpp"
#include "daemon/config.hpp"
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

/// Opens the unix socket for this machine's operator, and the address.
awaitable<Result<std::unique_ptr<relay::RelayServer>>> serve_relay(relay::EmbeddedBus& bus, Paths const& paths,
                                                                   ServedRelay const& served);

/// A relay without agents; runs until SIGTERM or SIGINT.
Result<void> run_relay(Paths const& paths, Config const& config, ServedRelay const& served,
                       std::function<void()> on_ready);

}  // namespace ar::daemon
