#include "base/http/listener.hpp"

#include "base/http/server.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace ar::http {
namespace {

/// Closes unless released.
struct Fd {
  int value = -1;
  ~Fd() {
    if (value >= 0) ::close(value);
  }
  int release() { return std::exchange(value, -1); }
};

sockaddr const* generic(auto const& address) { return reinterpret_cast<sockaddr const*>(&address); }

Result<Listener> finish(Executor executor, Fd& fd, int family) {
  if (::listen(fd.value, SOMAXCONN) != 0) return from_errno("cannot listen", errno);
  net::generic::stream_protocol const protocol(family, 0);
  Listener listener{protocol, net::generic::stream_protocol::socket(executor)};
  error_code ec;
  listener.socket.assign(protocol, fd.value, ec);
  if (ec) return internal("system_error", "cannot listen: " + ec.message());
  (void)fd.release();
  return listener;
}

/// Removes a socket's file that nobody serves.
Result<void> make_room(sockaddr_un const& address, std::filesystem::path const& file) {
  struct ::stat info {};
  if (::lstat(file.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode))
    return conflict("not_a_socket", file.string() + " is in the way and is no socket; move it away");
  Fd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (probe.value < 0) return from_errno("cannot make a socket", errno);
  if (::connect(probe.value, generic(address), sizeof address) == 0 || errno == EAGAIN)
    return conflict("already_running", "another daemon serves " + file.string() + "; stop it first");
  if (::unlink(file.c_str()) != 0) return from_errno("cannot remove the old " + file.string(), errno);
  return {};
}

}  // namespace

bool Listener::has_its_file() const {
  struct ::stat info {};
  return file.empty() || (::lstat(file.c_str(), &info) == 0 && info.st_ino == inode);
}

void Listener::remove_file() const {
  if (!file.empty() && has_its_file()) ::unlink(file.c_str());
}

Result<Listener> listen_unix(Executor executor, std::filesystem::path const& file) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (file.native().size() >= sizeof address.sun_path)
    return invalid("socket", file.string() + " is too long for a socket's name (107 bytes); use a shorter directory");
  std::memcpy(address.sun_path, file.c_str(), file.native().size() + 1);
  if (auto room = make_room(address, file); !room) return room.error();
  Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (fd.value < 0) return from_errno("cannot make a socket", errno);
  // The file takes the mode of the socket: it is never open to others, whatever the umask.
  if (::fchmod(fd.value, 0600) != 0) return from_errno("cannot make the socket private", errno);
  if (::bind(fd.value, generic(address), sizeof address) != 0) return from_errno("cannot bind " + file.string(), errno);
  auto listener = finish(std::move(executor), fd, AF_UNIX);
  if (!listener) return listener.error();
  struct ::stat info {};
  if (::lstat(file.c_str(), &info) != 0) return from_errno("cannot look at " + file.string(), errno);
  listener->file = file;
  listener->inode = info.st_ino;
  return listener;
}

namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

/// Of a listener: never asks for a remote name for long, since the name must be this machine's own.
Result<Addresses> addresses_of(std::string const& host, std::string const& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (int const failed = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &list))
    return invalid("listen", "\"" + host + "\" is no address to listen on: " + ::gai_strerror(failed));
  return Addresses(list);
}

}  // namespace

Result<Listener> listen_tcp(Executor executor, std::string const& host, std::uint16_t port) {
  auto const addresses = addresses_of(host, std::to_string(port));
  if (!addresses) return addresses.error();
  auto const& address = **addresses;
  std::string const name = (host.empty() ? "*" : host) + ":" + std::to_string(port);
  Fd fd{::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (fd.value < 0) return from_errno("cannot make a socket", errno);
  int const on = 1;
  (void)::setsockopt(fd.value, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.value, address.ai_addr, address.ai_addrlen) != 0) return from_errno("cannot bind " + name, errno);
  auto listener = finish(std::move(executor), fd, address.ai_family);
  if (!listener) return listener.error();
  error_code ec;
  net::ip::tcp::endpoint bound;
  auto const local = listener->socket.local_endpoint(ec);
  if (ec || local.size() > bound.capacity()) return internal("system_error", "cannot learn the port of " + name);
  std::memcpy(bound.data(), local.data(), local.size());
  listener->port = bound.port();
  return listener;
}

bool is_loopback(std::string const& host) {
  if (host == "localhost") return true;
  error_code ec;
  auto const address = net::ip::make_address(host, ec);
  return !ec && address.is_loopback();
}

}  // namespace ar::http
