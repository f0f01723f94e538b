// The server's two listening sockets.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <filesystem>
#include <sys/types.h>

namespace ar::control {

struct Listener {
  net::generic::stream_protocol protocol;
  net::generic::stream_protocol::socket socket;  ///< listening; wait for reading, then accept
  std::uint16_t port = 0;                        ///< TCP
  std::filesystem::path file{};                  ///< unix
  ino_t inode = 0;

  /// Removes the unix socket's file unless a successor has put its own there.
  void remove_file() const;
};

/// Mode 0600 from the first moment on. Errors: `already_running` when somebody answers there.
Result<Listener> listen_unix(Executor executor, std::filesystem::path const& file);
/// On 127.0.0.1; a port that is taken or forbidden is replaced by any free one.
Result<Listener> listen_tcp(Executor executor, std::uint16_t port);

}  // namespace ar::control
