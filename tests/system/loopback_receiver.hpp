// A program outside, at a port of its own on this machine: takes what it is sent, and answers as the test says.
#pragma once
#include "support/patience.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace ar::test {

class LoopbackReceiver {
 public:
  struct Taken {
    std::string path;
    std::map<std::string, std::string> headers;  ///< names in lower case
    std::string body;
    std::string id() const { return headers.at("webhook-id"); }
  };
  /// What is answered, as it goes over the wire; empty: nothing, and the connection stays open.
  using Answers = std::function<std::string(Taken const&)>;
  static std::string answer(int status, std::string const& more = "") {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + more + "Content-Length: 0\r\n\r\n";
  }

  explicit LoopbackReceiver(Answers answers = {}) : answers_(std::move(answers)) { open(); }
  ~LoopbackReceiver() { close(); }

  std::string url(std::string const& path = "/hook") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  void set_answers(Answers answers) {
    std::lock_guard const guard(lock_);
    answers_ = std::move(answers);
  }
  std::vector<Taken> taken() const {
    std::lock_guard const guard(lock_);
    return taken_;
  }
  /// How often each id came.
  std::map<std::string, int> counts() const {
    std::map<std::string, int> found;
    for (auto const& one : taken()) ++found[one.id()];
    return found;
  }
  /// Nobody is there; what was taken stays known.
  void close() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  /// At the same port.
  void open() {
    stopping_ = false;
    int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int const one = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd, 64) == 0);
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, fd] { serve(fd); });
  }

 private:
  struct Connection {
    int fd;
    std::string read;
  };
  void serve(int listening) {
    std::vector<Connection> connections;
    while (!stopping_) {
      std::vector<pollfd> entries{{listening, POLLIN, 0}};
      for (auto const& one : connections) entries.push_back({one.fd, POLLIN, 0});
      (void)::poll(entries.data(), entries.size(), 20);
      for (std::size_t i = connections.size(); i > 0; --i)
        if (entries[i].revents != 0 && !hear(connections[i - 1])) {
          ::close(connections[i - 1].fd);
          connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i - 1));
        }
      if (entries[0].revents != 0)
        if (int const fd = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC); fd >= 0)
          connections.push_back({fd, ""});
    }
    for (auto const& one : connections) ::close(one.fd);
    ::close(listening);
  }
  /// False: the other side has ended it.
  bool hear(Connection& from) {
    char bytes[16384];
    auto const size = ::recv(from.fd, bytes, sizeof bytes, 0);
    if (size <= 0) return false;
    from.read.append(bytes, static_cast<std::size_t>(size));
    auto const end = from.read.find("\r\n\r\n");
    if (end == std::string::npos) return true;
    Taken one;
    auto const line = from.read.substr(0, from.read.find("\r\n"));
    one.path = line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1);
    for (auto at = line.size() + 2; at < end;) {
      auto const next = from.read.find("\r\n", at);
      auto const colon = from.read.find(": ", at);
      auto name = from.read.substr(at, colon - at);
      for (auto& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      one.headers[name] = from.read.substr(colon + 2, next - colon - 2);
      at = next + 2;
    }
    auto const length = static_cast<std::size_t>(std::atol(one.headers["content-length"].c_str()));
    if (from.read.size() < end + 4 + length) return true;
    one.body = from.read.substr(end + 4, length);
    from.read.erase(0, end + 4 + length);
    Answers answers;
    {
      std::lock_guard const guard(lock_);
      taken_.push_back(one);
      answers = answers_;
    }
    auto const said = answers ? answers(one) : answer(204);
    for (std::size_t at = 0; at < said.size();) {
      auto const sent = ::send(from.fd, said.data() + at, said.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      at += static_cast<std::size_t>(sent);
    }
    return true;
  }

  mutable std::mutex lock_;  // for what follows
  Answers answers_;
  std::vector<Taken> taken_;
  std::atomic<bool> stopping_ = false;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace ar::test
