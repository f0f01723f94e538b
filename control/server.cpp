#include "control/server.hpp"

#include "base/log.hpp"
#include "control/connection.hpp"
#include "control/listener.hpp"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstring>
#include <list>
#include <sys/socket.h>

namespace ar::control {
namespace {

constexpr auto pause_after_failure = std::chrono::milliseconds(100);
constexpr int most_accepted_at_once = 64;

/// Too many connections: said in one packet that always fits, since this client gets no turn of its own.
void turn_away(int fd) {
  Error const error = unavailable("too_many_connections", "all connections are in use; close some and try again");
  Response const response = problem(error);
  std::string const text = response_head(response, false) + response.body;
  (void)::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(fd, SHUT_WR);
  ::close(fd);
}

}  // namespace

struct ControlServer::Impl {
  Impl(Executor ex, Backend& backend, ServerConfig settings)
      : executor(ex),
        config(std::move(settings)),
        dispatcher(backend, config.limits),
        changed(ex),
        tasks(ex, "control") {}

  struct Door {
    Listener listener;
    bool over_unix;
    std::list<std::shared_ptr<Connection>> open{};
  };

  awaitable<void> accept_from(Door& door) {
    for (;;) {
      auto const [ec] = co_await door.listener.socket.async_wait(Socket::wait_read, nothrow);
      if (ec || stopping) co_return;
      for (int i = 0; i < most_accepted_at_once; ++i) {
        int const fd = ::accept4(door.listener.socket.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
          take(door, fd);
          continue;
        }
        if (errno == EAGAIN) break;
        if (errno == EINTR || errno == ECONNABORTED) continue;
        // Out of descriptors or memory: the client stays in the backlog, and asking again at once would only
        // spin.
        std::string const why = std::strerror(errno);
        if (gate.should_log("accept", why)) spdlog::error("control: cannot take connections: {}", why);
        (void)co_await sleep_for(pause_after_failure);
        break;
      }
    }
  }

  void take(Door& door, int fd) {
    if (door.open.size() >= config.limits.connections) {
      if (gate.should_log("connections", "full"))
        spdlog::warn("control: {} connections are open, further ones are turned away", door.open.size());
      return turn_away(fd);
    }
    Socket socket(executor);
    error_code ec;
    socket.assign(door.listener.protocol, fd, ec);
    if (ec) {
      ::close(fd);
      return;
    }
    if (!door.over_unix) socket.set_option(net::ip::tcp::no_delay(true), ec);
    auto const place = door.open.insert(door.open.end(),
                                        make_connection(std::move(socket), door.over_unix, dispatcher, config.limits));
    tasks.spawn("connection", serve(door, place));
  }

  awaitable<void> serve(Door& door, std::list<std::shared_ptr<Connection>>::iterator place) {
    struct Leave {
      Impl& impl;
      Door& door;
      std::list<std::shared_ptr<Connection>>::iterator place;
      ~Leave() {
        door.open.erase(place);
        impl.changed.notify_all();
      }
    } leave{*this, door, place};
    co_await (*place)->serve();
  }

  std::size_t open() const {
    std::size_t count = 0;
    for (auto const& door : doors) count += door.open.size();
    return count;
  }

  Executor executor;
  ServerConfig config;
  Dispatcher dispatcher;
  std::list<Door> doors;
  std::uint16_t port = 0;
  bool stopping = false;
  RepeatGate gate;
  Notifier changed;
  TaskGroup tasks;
};

ControlServer::ControlServer(Executor executor, Backend& backend, ServerConfig config)
    : impl_(std::make_unique<Impl>(std::move(executor), backend, std::move(config))) {}

ControlServer::~ControlServer() = default;

Result<void> ControlServer::start() {
  auto local = listen_unix(impl_->executor, impl_->config.socket);
  if (!local) return local.error();
  auto tcp = listen_tcp(impl_->executor, impl_->config.port);
  if (!tcp) {
    local->remove_file();
    return tcp.error();
  }
  impl_->port = tcp->port;
  impl_->dispatcher.set_port(tcp->port);
  impl_->doors.push_back({std::move(*local), true});
  impl_->doors.push_back({std::move(*tcp), false});
  for (auto& door : impl_->doors) impl_->tasks.spawn("accept", impl_->accept_from(door));
  return {};
}

std::uint16_t ControlServer::port() const { return impl_->port; }

std::size_t ControlServer::connections() const { return impl_->open(); }

awaitable<void> ControlServer::stop() {
  impl_->stopping = true;
  for (auto& door : impl_->doors) {
    door.listener.remove_file();
    error_code ignored;
    door.listener.socket.close(ignored);
    for (auto const& connection : door.open) connection->finish();
  }
  auto const deadline = Clock::now() + impl_->config.limits.stop_time;
  while (impl_->open() > 0 && Clock::now() < deadline) co_await impl_->changed.wait(deadline);
  co_await impl_->tasks.stop();
}

}  // namespace ar::control
