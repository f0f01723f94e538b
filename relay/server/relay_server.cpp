#include "relay/server/relay_server.hpp"

#include "base/http/server.hpp"
#include "base/http/url.hpp"
#include "relay/server/dispatcher.hpp"
#include "relay/server/sessions.hpp"

#include <algorithm>

namespace ar::relay {

struct RelayServer::Impl {
  Impl(Executor executor, EmbeddedBus& bus, ServerLimits most, TaskGroup::OnDeath const& on_death)
      : limits(most),
        sessions(executor, bus, limits),
        dispatcher(bus, sessions, limits),
        server(executor, dispatcher, limits, "relay", on_death),
        tasks(executor, "relay sessions") {
    tasks.spawn_vital("watch", sessions.watch(), on_death);
  }

  ServerLimits const limits;
  server::Sessions sessions;
  server::Dispatcher dispatcher;
  http::Server server;
  TaskGroup tasks;
};

RelayServer::RelayServer(Executor executor, EmbeddedBus& bus, ServerLimits limits, TaskGroup::OnDeath on_death)
    : impl_(std::make_unique<Impl>(std::move(executor), bus, limits, on_death)) {}

RelayServer::~RelayServer() = default;

Result<void> RelayServer::open_unix(std::filesystem::path const& socket) { return impl_->server.open_unix(socket); }

void RelayServer::restore_sockets() { impl_->server.restore_sockets(); }

Result<std::uint16_t> RelayServer::open_tcp(std::string const& host, std::uint16_t port, http::Tls tls) {
  return impl_->server.open_tcp(host, port, std::move(tls));
}

Result<void> RelayServer::check_exposure(std::string const& host, bool tls, bool insecure) {
  if (tls || insecure || http::is_loopback(host)) return {};
  return invalid("listen",
                 "without TLS the relay listens on loopback addresses only, since tokens and messages could be "
                 "read on the way: give it --tls-cert and --tls-key, or say --insecure on a network that you "
                 "trust");
}

awaitable<void> RelayServer::stop() {
  co_await impl_->tasks.stop();
  co_await impl_->server.stop();
}

Uploads& RelayServer::uploads() { return impl_->dispatcher.uploads(); }

Result<ListenAddress> parse_listen_address(std::string const& text) {
  auto const bad = invalid("listen", "\"" + text.substr(0, 200) + "\" is no address to listen on; write HOST:PORT");
  auto const colon = text.rfind(':');
  if (colon == std::string::npos) return bad;
  auto const port = http::parse_number(std::string_view(text).substr(colon + 1));
  if (!port || *port > 65535) return bad;
  ListenAddress address{text.substr(0, colon), static_cast<std::uint16_t>(*port)};
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']')
    address.host = address.host.substr(1, address.host.size() - 2);
  else if (address.host.find(':') != std::string::npos)
    return bad;
  return address;
}

}  // namespace ar::relay
