// An HTTP/1.1 server: takes connections at its doors, asks one service about their requests.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/http/limits.hpp"
#include "base/http/request_handler.hpp"
#include "base/http/tls.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace ar::http {

/// io thread only. `service` must outlive the server. Await stop() before destroying a server with open doors.
class Server {
 public:
  /// `name`: in the log. `on_death`: a door takes no more connections.
  Server(Executor executor, RequestHandler& service, Limits limits, std::string name, TaskGroup::OnDeath on_death = {});
  ~Server();
  Server(Server const&) = delete;
  Server& operator=(Server const&) = delete;

  /// A unix socket, in a private folder that exists. A file that nobody serves any more is replaced; one that is
  /// served is the error `already_running`. `token_needed`: to reach it makes nobody the operator.
  Result<void> open_unix(std::filesystem::path const& file, bool token_needed = false);
  /// Makes the unix sockets anew whose files somebody has removed; connections that are open stay.
  void restore_sockets();
  /// The port in use. `host`: an address of this machine, empty for all; `port` 0: any free one; `tls`: none, plain.
  Result<std::uint16_t> open_tcp(std::string const& host, std::uint16_t port, Tls tls = {});
  /// Connections that are open now.
  std::size_t connections() const;
  /// Takes no new requests, lets answers under way finish (Limits::stop_time), ends waits and streams, then cuts.
  awaitable<void> stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// True when only this machine reaches a door on `host`.
bool is_loopback(std::string const& host);

}  // namespace ar::http
