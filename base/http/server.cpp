#include "base/http/server.hpp"

#include "base/http/connection.hpp"
#include "base/http/listener.hpp"
#include "base/log.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <list>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ar::http {
namespace {

constexpr auto pause_after_failure = std::chrono::milliseconds(100);
constexpr int most_accepted_at_once = 64;

/// Too many connections: said in one packet that always fits, since this client gets no turn of its own. Under TLS
/// there is nothing one could say.
void turn_away(int fd, bool secure) {
  if (!secure) {
    Error const error = unavailable("too_many_connections", "all connections are in use; close some and try again");
    Response const response = problem(error);
    std::string const text = response_head(response, false) + response.body;
    (void)::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  ::shutdown(fd, SHUT_WR);
  ::close(fd);
}

/// Each that waits holds a descriptor, which others need as well.
Limits within_descriptors(Limits limits) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0)
    limits.waiting = std::min<std::size_t>(limits.waiting, files.rlim_cur / 4);
  return limits;
}

/// As Seats wants it. Of IPv6 the network, which is what one client has.
std::string address_of(sockaddr_storage const& client) {
  char text[INET6_ADDRSTRLEN] = "";
  if (client.ss_family == AF_INET) {
    auto const& address = reinterpret_cast<sockaddr_in const&>(client).sin_addr;
    if (ntohl(address.s_addr) >> 24 == 127) return {};
    ::inet_ntop(AF_INET, &address, text, sizeof text);
  } else if (client.ss_family == AF_INET6) {
    auto address = reinterpret_cast<sockaddr_in6 const&>(client).sin6_addr;
    bool const mapped = IN6_IS_ADDR_V4MAPPED(&address);
    if (IN6_IS_ADDR_LOOPBACK(&address) || (mapped && address.s6_addr[12] == 127)) return {};
    if (!mapped) std::memset(address.s6_addr + 8, 0, 8);
    ::inet_ntop(AF_INET6, &address, text, sizeof text);
  }
  return text;
}

}  // namespace

struct Server::Impl {
  Impl(Executor ex, RequestHandler& asked, Limits most, std::string title, TaskGroup::OnDeath told)
      : executor(ex),
        service(asked),
        limits(within_descriptors(most)),
        name(std::move(title)),
        on_death(std::move(told)),
        changed(ex),
        tasks(ex, name) {}

  struct Door {
    Listener listener;
    Entrance entrance;
    Tls tls;
    Seats seats;
    std::list<std::shared_ptr<Connection>> open{};
  };

  void open_door(Listener listener, Entrance entrance, Tls tls = {}) {
    doors.push_back({std::move(listener), entrance, std::move(tls), Seats(limits)});
    tasks.spawn_vital("accept", accept_from(doors.back()), on_death);
  }

  awaitable<void> accept_from(Door& door) {
    for (;;) {
      auto const [ec] = co_await door.listener.socket.async_wait(Socket::wait_read, nothrow);
      if (stopping) co_return;
      if (ec == net::error::operation_aborted) continue;  // the socket was made anew
      if (ec) throw boost::system::system_error(ec);
      for (int i = 0; i < most_accepted_at_once; ++i) {
        sockaddr_storage client{};
        socklen_t size = sizeof client;
        int const fd = ::accept4(door.listener.socket.native_handle(), reinterpret_cast<sockaddr*>(&client), &size,
                                 SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
          take(door, fd, address_of(client));
          continue;
        }
        if (errno == EAGAIN) break;
        if (errno == EINTR || errno == ECONNABORTED) continue;
        // Out of descriptors or memory: the client stays in the backlog, and asking again at once would only
        // spin.
        std::string const why = std::strerror(errno);
        if (gate.should_log("accept", why)) spdlog::error("{}: cannot take connections: {}", name, why);
        (void)co_await sleep_for(pause_after_failure);
        break;
      }
    }
  }

  void take(Door& door, int fd, std::string address) {
    if (!door.seats.make_room(address)) {
      if (gate.should_log("connections", "full"))
        spdlog::warn("{}: {} connections are in use, further ones are turned away", name, door.open.size());
      return turn_away(fd, door.tls != nullptr);
    }
    Socket socket(executor);
    error_code ec;
    socket.assign(door.listener.protocol, fd, ec);
    if (ec) {
      ::close(fd);
      return;
    }
    if (!door.entrance.over_unix) socket.set_option(net::ip::tcp::no_delay(true), ec);
    auto connection = make_connection(Stream(std::move(socket), door.tls), door.entrance, service, limits, door.seats,
                                      std::move(address));
    auto const place = door.open.insert(door.open.end(), std::move(connection));
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
  RequestHandler& service;
  Limits const limits;
  std::string const name;
  TaskGroup::OnDeath const on_death;
  std::list<Door> doors;
  bool stopping = false;
  LogThrottle gate;
  Notifier changed;
  TaskGroup tasks;
};

Server::Server(Executor executor, RequestHandler& service, Limits limits, std::string name, TaskGroup::OnDeath on_death)
    : impl_(std::make_unique<Impl>(std::move(executor), service, limits, std::move(name), std::move(on_death))) {}

Server::~Server() = default;

Result<void> Server::open_unix(std::filesystem::path const& file, bool token_needed) {
  auto listener = listen_unix(impl_->executor, file);
  if (!listener) return listener.error();
  impl_->open_door(std::move(*listener), {true, token_needed});
  return {};
}

void Server::restore_sockets() {
  for (auto& door : impl_->doors) {
    auto const file = door.listener.file;
    if (door.listener.has_its_file()) continue;
    auto listener = listen_unix(impl_->executor, file);
    if (listener) {
      spdlog::warn("somebody removed the socket {}; it is there again", file.string());
      door.listener = std::move(*listener);
    } else if (impl_->gate.should_log("socket", listener.error().message)) {
      spdlog::error("somebody removed the socket {}, and it cannot be made again: {}", file.string(),
                    listener.error().message);
    }
  }
}

Result<std::uint16_t> Server::open_tcp(std::string const& host, std::uint16_t port, Tls tls) {
  auto listener = listen_tcp(impl_->executor, host, port);
  if (!listener) return listener.error();
  auto const used = listener->port;
  impl_->open_door(std::move(*listener), {}, std::move(tls));
  return used;
}

std::size_t Server::connections() const { return impl_->open(); }

awaitable<void> Server::stop() {
  impl_->stopping = true;
  for (auto& door : impl_->doors) {
    door.listener.remove_file();
    error_code ignored;
    door.listener.socket.close(ignored);
    for (auto const& connection : door.open) connection->finish();
  }
  auto const deadline = Clock::now() + impl_->limits.stop_time;
  while (impl_->open() > 0 && Clock::now() < deadline) co_await impl_->changed.wait(deadline);
  co_await impl_->tasks.stop();
}

}  // namespace ar::http
