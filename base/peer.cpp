#include "base/peer.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace ar {

Result<void> check_peer_user(uid_t user, std::filesystem::path const& socket) {
  if (user == ::geteuid() || user == 0) return {};
  return Error{ErrorKind::forbidden, "foreign_server",
               socket.string() + " is served by another user (uid " + std::to_string(user) + "), and this is uid " +
                   std::to_string(::geteuid()) +
                   ": nothing is said to it; run this as that user, or choose another "
                   "--state-dir"};
}

Result<void> check_peer(int fd, std::filesystem::path const& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return from_errno("cannot tell who serves " + socket.string(), errno);
  return check_peer_user(peer.uid, socket);
}

Result<void> check_server(std::filesystem::path const& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto const path = socket.string();
  if (path.size() >= sizeof address.sun_path)
    return invalid("socket", "the path " + path + " is too long for a socket");
  std::memcpy(address.sun_path, path.data(), path.size());
  int const fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return from_errno("cannot make a socket", errno);
  bool const connected = ::connect(fd, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0;
  int const why = errno;
  auto const checked =
      connected ? check_peer(fd, socket)
                : Result<void>(unavailable("no_server", "nobody answers at " + path + ": " + std::strerror(why)));
  ::close(fd);
  return checked;
}

}  // namespace ar
