// An HTTP server on loopback, for what the daemon calls: it notes the bodies and answers what the test says.
#pragma once
#include "base/json.hpp"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <atomic>
#include <list>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ar::test {

class HttpReceiver {
 public:
  struct Call {
    std::string target, head;  ///< the head in lower case
    json body;
  };

  HttpReceiver() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 64) == 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~HttpReceiver() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (auto& connection : connections_) connection.join();
    ::close(listener_);
  }
  HttpReceiver(HttpReceiver const&) = delete;
  HttpReceiver& operator=(HttpReceiver const&) = delete;

  std::string url(std::string const& target) const { return "http://127.0.0.1:" + std::to_string(port_) + target; }
  /// What the path is answered from now on; status 0: nothing, the client waits.
  void answer(std::string const& path, std::string body, int status = 200, std::string headers = {}) {
    std::lock_guard const guard(lock_);
    answers_[path] = {std::move(body), status, std::move(headers)};
  }
  std::vector<Call> calls(std::string const& path) const {
    std::lock_guard const guard(lock_);
    std::vector<Call> found;
    for (auto const& call : calls_)
      if (call.target.substr(0, call.target.find('?')) == path) found.push_back(call);
    return found;
  }

 private:
  struct Answer {
    std::string body = "{}";
    int status = 200;
    std::string headers{};
  };

  void accept_all() {
    for (;;) {
      int const fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      connections_.emplace_back([this, fd] {
        while (serve(fd)) {
        }
        ::close(fd);
      });
    }
  }
  /// False at the connection's end, and when the test ends.
  bool read_more(int fd, std::string& text) const {
    while (!stopping_) {
      pollfd ready{fd, POLLIN, 0};
      if (::poll(&ready, 1, 20) == 0) continue;
      char bytes[65536];
      auto const n = ::recv(fd, bytes, sizeof bytes, 0);
      if (n <= 0) return false;
      text.append(bytes, static_cast<std::size_t>(n));
      return true;
    }
    return false;
  }
  bool serve(int fd) {
    std::string text;
    while (text.find("\r\n\r\n") == std::string::npos)
      if (!read_more(fd, text)) return false;
    auto const end = text.find("\r\n\r\n") + 4;
    auto head = text.substr(0, end);
    auto const target = head.substr(5, head.find(" HTTP/") - 5);  // POST
    for (auto& c : head) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    auto const length = std::stoul(head.substr(head.find("content-length:") + 15));
    while (text.size() < end + length)
      if (!read_more(fd, text)) return false;
    Answer answer;
    {
      std::lock_guard const guard(lock_);
      calls_.push_back({target, head, json::parse(text.substr(end), nullptr, false)});
      if (auto const known = answers_.find(target.substr(0, target.find('?'))); known != answers_.end())
        answer = known->second;
    }
    if (answer.status == 0) {
      while (read_more(fd, text)) {
      }
      return false;
    }
    auto const reply = "HTTP/1.1 " + std::to_string(answer.status) + " X\r\n" + answer.headers +
                       "Content-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" + answer.body;
    return ::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(reply.size());
  }

  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable std::mutex lock_;
  std::map<std::string, Answer> answers_;
  std::vector<Call> calls_;
  std::list<std::thread> connections_;  ///< the acceptor's, until it has ended
  std::thread acceptor_;
};

}  // namespace ar::test
