// A client of one HTTP server: calls over connections that are kept, and WebSockets. Plain types only. io thread only.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/http/http.hpp"
#include "base/http/tls.hpp"
#include "base/http/websocket.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ar::http {

/// Where a server is.
struct Endpoint {
  bool secure = false;
  std::string host;  ///< without brackets
  std::uint16_t port = 0;
  std::string path{};  ///< before every target; no slash at its end

  /// "host:port", as the Host header wants it.
  std::string authority() const;
};
/// http:// or https://, without query or user. Error: invalid `url`.
Result<Endpoint> parse_endpoint(std::string_view url);
/// Everything but letters, digits and "-._~" as %XX: for one segment or query value.
std::string percent_encode(std::string_view text);

struct Call {
  std::string method;
  std::string target;  ///< encoded
  std::string body{};
  std::string content_type = "application/json";
  std::vector<Header> headers{};
  Clock::duration patience = std::chrono::seconds(30);
  bool repeatable = false;  ///< may be sent again when a kept connection turns out to be dead
  std::uint64_t most_answer_bytes = 64U << 20;
};

/// What a server has answered, whatever the status.
struct Answer {
  int status = 0;
  std::string body{};
  bool too_large = false;  ///< it has more than most_answer_bytes, and is not read
};

/// Whether a connection may go to this address. Asked of each address that a name stands for, and no other is used.
using AddressCheck = std::function<bool(std::string_view address)>;

/// Over a unix socket. Errors: server_unreachable, foreign_server, connection_lost, timeout, what the server's refusal
/// says.
awaitable<Result<std::unique_ptr<WebSocket>>> open_websocket(std::filesystem::path socket, std::string target,
                                                             WebSocketLimits limits, Clock::duration patience);

class HttpClient {
 public:
  /// `tls` for a secure endpoint. Without `allowed` every address is.
  HttpClient(Executor executor, Endpoint endpoint, Tls tls, std::size_t most_connections = 16,
             AddressCheck allowed = {});
  ~HttpClient();
  HttpClient(HttpClient const&) = delete;
  HttpClient& operator=(HttpClient const&) = delete;

  /// The body of a good answer. Errors: what the server's refusal says (refusal_of); unavailable when it cannot be
  /// reached or does not speak HTTP (server_unreachable, tls_failed, connection_lost, bad_answer); timeout. After
  /// connection_lost and timeout the server may have done it.
  awaitable<Result<std::string>> call(Call call);
  /// The answer as it is: no status is an error, and no redirect is followed. Errors: as above, and address_refused.
  awaitable<Result<Answer>> exchange(Call call);
  awaitable<Result<std::unique_ptr<WebSocket>>> open_websocket(std::string target, std::vector<Header> headers,
                                                               WebSocketLimits limits, Clock::duration patience);
  /// Closes the connections that are kept for later.
  void forget_connections();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace ar::http
