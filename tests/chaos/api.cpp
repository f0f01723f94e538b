#include "chaos/api.hpp"

#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace ar::chaos {
namespace {

struct Socket {
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ~Socket() { ::close(fd); }
};

}  // namespace

std::string Answer::problem() const {
  return std::to_string(status) + " " +
         (body.is_object() ? body.value("code", "") + ": " + body.value("detail", "") : "");
}

std::optional<Answer> Api::request(std::string const& method, std::string const& path, json const& body,
                                   std::chrono::milliseconds patience) const {
  Socket const socket;
  timeval const limit{patience.count() / 1000, patience.count() % 1000 * 1000};
  ::setsockopt(socket.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_.c_str(), sizeof address.sun_path - 1);
  if (::connect(socket.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return std::nullopt;
  auto const content = body.is_null() ? std::string() : body.dump();
  auto const text = method + " " + path +
                    " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "
                    "application/json\r\nContent-Length: " +
                    std::to_string(content.size()) + "\r\n\r\n" + content;
  for (std::size_t sent = 0; sent < text.size();) {
    auto const n = ::send(socket.fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return std::nullopt;
    sent += static_cast<std::size_t>(n);
  }
  std::string answer;
  char buffer[65536];
  for (ssize_t n; (n = ::recv(socket.fd, buffer, sizeof buffer, 0)) != 0;) {
    if (n < 0) return std::nullopt;
    answer.append(buffer, static_cast<std::size_t>(n));
  }
  auto const head_end = answer.find("\r\n\r\n");
  auto const length = answer.find("Content-Length: ");
  if (head_end == std::string::npos || !answer.starts_with("HTTP/1.1 ")) return std::nullopt;
  auto const said = answer.substr(head_end + 4);
  if (length < head_end && std::strtoul(answer.c_str() + length + 16, nullptr, 10) != said.size()) return std::nullopt;
  Answer result;
  result.status = std::atoi(answer.c_str() + 9);
  result.body = json::parse(said, nullptr, false);
  return result;
}

}  // namespace ar::chaos
