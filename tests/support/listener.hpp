// A stranger at a Unix socket that somebody else wants: it listens and never says a word.
#pragma once
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace ar::test {

class Listener {
 public:
  /// Takes the path from whatever lies there.
  explicit Listener(std::filesystem::path const& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    std::filesystem::remove(path);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    auto const text = path.string();
    REQUIRE(text.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, text.data(), text.size());
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd_, 64) == 0);
  }
  ~Listener() { close(); }
  Listener(Listener const&) = delete;
  Listener& operator=(Listener const&) = delete;
  /// As its process's death would: the socket's file stays.
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

}  // namespace ar::test
