// Listening sockets.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/types.h>

namespace ar::http {

struct Listener {
  net::generic::stream_protocol protocol;
  net::generic::stream_protocol::socket socket;  ///< listening; wait for reading, then accept
  std::uint16_t port = 0;                        ///< TCP
  std::filesystem::path file{};                  ///< unix
  ino_t inode = 0;

  /// Whether the unix socket's file is the one that was made here; always, for TCP.
  bool has_its_file() const;
  /// Removes the unix socket's file unless a successor has put its own there.
  void remove_file() const;
};

/// Mode 0600 from the first moment on. Errors: `already_running` when somebody answers there.
Result<Listener> listen_unix(Executor executor, std::filesystem::path const& file);
/// `host`: an address, or a name that is one of this machine's; empty: every address. `port` 0: any free one.
Result<Listener> listen_tcp(Executor executor, std::string const& host, std::uint16_t port);

}  // namespace ar::http
