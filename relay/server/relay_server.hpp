// The embedded bus for others: HTTP and WebSocket, every request with a bearer token whose scope decides.
// docs/relay-protocol.md is its page.
#pragma once
#include "base/http/limits.hpp"
#include "base/http/tls.hpp"
#include "relay/embedded/embedded_bus.hpp"
#include "relay/uploads.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace ar::relay {

struct ServerLimits : http::Limits {
  ServerLimits() {
    connections = 1024;
    frame_bytes = 1U << 20;  // the largest that a client has to say is a status with its meta
  }
  std::size_t request_bytes = 8U << 20;  ///< of a JSON body: a 1 MiB message of control characters once escaped
  Clock::duration session_idle = std::chrono::seconds(60);  ///< a WebSocket without a frame for so long is cut
  double frames_per_second = 50;                            ///< of one WebSocket, on average
  double frames_at_once = 500;
  std::size_t all_unsent_bytes = 128U << 20;  ///< over all WebSockets: past it, hints are left out
  std::size_t components = 16;                ///< of one agent on one WebSocket
  std::size_t guests = 10'000;                ///< agents and components of one WebSocket
  std::size_t requests = 32;                  ///< under way of a token for some agents; its WebSockets are among them
  std::size_t daemon_requests = 512;          ///< of any other token
  std::size_t sockets_per_token = 16;         ///< WebSockets of a token for some agents
};

/// io thread only. The bus must outlive the server. Await stop() before destroying a server with open doors.
class RelayServer {
 public:
  /// `on_death`: no more connections are taken, or what comes over those that are open is not heard.
  RelayServer(Executor executor, EmbeddedBus& bus, ServerLimits limits = {}, TaskGroup::OnDeath on_death = {});
  ~RelayServer();
  RelayServer(RelayServer const&) = delete;
  RelayServer& operator=(RelayServer const&) = delete;

  /// For this machine's operator: requests without a token may do everything.
  Result<void> open_unix(std::filesystem::path const& socket);
  /// Makes the unix socket anew if somebody has removed its file.
  void restore_sockets();
  /// The port in use; `port` 0: any free one.
  Result<std::uint16_t> open_tcp(std::string const& host, std::uint16_t port, http::Tls tls);
  /// Without TLS only a loopback address is good, unless the user says otherwise: tokens and messages could be read on
  /// the way. Error: invalid `listen`.
  static Result<void> check_exposure(std::string const& host, bool tls, bool insecure);
  awaitable<void> stop();
  /// What agents have stored over its doors, to be shared with other doors to the same bus.
  Uploads& uploads();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "HOST:PORT", "[ADDRESS]:PORT" or ":PORT" (every address). Error: invalid.
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
};
Result<ListenAddress> parse_listen_address(std::string const& text);

}  // namespace ar::relay
