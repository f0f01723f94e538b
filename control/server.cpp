#include "control/server.hpp"

#include "base/http/server.hpp"
#include "control/dispatcher.hpp"

namespace ar::control {

struct ControlServer::Impl {
  Impl(Executor executor, Api const& api, ServerConfig settings)
      : config(std::move(settings)),
        dispatcher(api, config.limits),
        server(std::move(executor), dispatcher, config.limits, "control", config.on_death) {}

  ServerConfig config;
  Dispatcher dispatcher;
  http::Server server;
  std::uint16_t port = 0;
};

ControlServer::ControlServer(Executor executor, Api const& api, ServerConfig config)
    : impl_(std::make_unique<Impl>(std::move(executor), api, std::move(config))) {}

ControlServer::~ControlServer() = default;

Result<void> ControlServer::start() {
  auto& server = impl_->server;
  auto const& config = impl_->config;
  if (auto opened = server.open_unix(config.socket); !opened) return opened;
  if (!config.agents_socket.empty())
    if (auto opened = server.open_unix(config.agents_socket, true); !opened) return opened;
  if (!impl_->config.tcp) return {};
  auto port = server.open_tcp("127.0.0.1", impl_->config.port);
  if (!port && impl_->config.port != 0) port = server.open_tcp("127.0.0.1", 0);
  if (!port) return port.error();
  impl_->port = *port;
  impl_->dispatcher.set_port(*port);
  return {};
}

void ControlServer::restore_sockets() { impl_->server.restore_sockets(); }

std::uint16_t ControlServer::port() const { return impl_->port; }

std::size_t ControlServer::connections() const { return impl_->server.connections(); }

awaitable<void> ControlServer::stop() { return impl_->server.stop(); }

}  // namespace ar::control
