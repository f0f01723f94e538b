#include "base/process/process_info.hpp"

#include "base/process/process_list.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace ar {

pid_t listener_at(std::filesystem::path const& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto const path = socket.string();
  if (path.size() >= sizeof address.sun_path) return 0;
  std::memcpy(address.sun_path, path.data(), path.size());
  int const fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return 0;
  ucred peer{};
  socklen_t size = sizeof peer;
  pid_t pid = -1;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    pid = errno == ENOENT || errno == ECONNREFUSED ? 0 : -1;
  else if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
    pid = peer.pid;
  ::close(fd);
  return pid;
}

std::uint64_t start_time_of(pid_t pid) { return process_of(pid).started; }

bool runs_another(pid_t pid, std::filesystem::path const& program) {
  std::error_code ec;
  bool const same = std::filesystem::equivalent("/proc/" + std::to_string(pid) + "/exe", program, ec);
  return !ec && !same;
}

bool was_started_with(pid_t pid, std::string const& variable) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/environ", std::ios::binary);
  for (std::string entry; std::getline(in, entry, '\0');)
    if (entry == variable) return true;
  return false;
}

}  // namespace ar
