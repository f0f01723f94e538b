// The control server (docs/control-api.md): HTTP/1.1 with server-sent events for people, programs and the providers'
// hooks, the same routes on a unix socket (no token: the operator), on another one for agents' programs and on
// 127.0.0.1 (every request with its token).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "control/api/api.hpp"
#include "control/limits.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>

namespace ar::control {

struct ServerConfig {
  std::filesystem::path socket;           ///< in a private folder (0700) that exists
  std::filesystem::path agents_socket{};  ///< in another one; without a token nothing is answered there; empty: none
  bool tcp = true;                        ///< on 127.0.0.1 as well
  std::uint16_t port = 0;                 ///< TCP port; 0, or one that is taken: any free one
  Limits limits{};
  TaskGroup::OnDeath on_death{};  ///< no more connections are taken
};

/// io thread only. What `api` refers to must outlive the server. Await stop() before destroying a started server.
class ControlServer {
 public:
  ControlServer(Executor executor, Api const& api, ServerConfig config);
  ~ControlServer();
  ControlServer(ControlServer const&) = delete;
  ControlServer& operator=(ControlServer const&) = delete;

  /// Listens on the socket, and on TCP if configured. A socket file that nobody serves any more is replaced; one that
  /// is served is the error `already_running`.
  Result<void> start();
  /// Makes the sockets anew whose files somebody has removed.
  void restore_sockets();
  /// The TCP port in use, once started; 0: none.
  std::uint16_t port() const;
  /// Connections that are open now.
  std::size_t connections() const;
  /// Takes no new requests, lets answers under way finish (Limits::stop_time), ends waits and streams, then
  /// cuts.
  awaitable<void> stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ar::control
