// The wire to the daemon: HTTP/1.1 over its unix socket, one call at a time, each with a deadline. Plain
// types only; Beast is compiled in api_client.cpp alone.
//
// Errors: `daemon_away` (unavailable) when nothing answers on the socket; `foreign_server` (forbidden) when another
// user does; `timeout` past a deadline; otherwise what the daemon's problem document says, with the kind its HTTP
// status stands for.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/sse.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace ar::cli {

using std::chrono::milliseconds;
inline constexpr milliseconds call_patience{30'000};
inline constexpr milliseconds reach_patience{5'000};  ///< for a sign of life
/// The daemon sends a keep-alive every 15 s; a stream silent for three of them is dead.
inline constexpr milliseconds silence_limit{45'000};

/// Where the daemon is and as whom one speaks to it. An empty token is the operator.
struct Endpoint {
  std::filesystem::path socket;
  std::string token{};
};

struct Call {
  std::string method;
  std::string target;
  std::string body{};
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers{};
  milliseconds patience = call_patience;
};

class ApiClient {
 public:
  explicit ApiClient(Endpoint endpoint);
  ~ApiClient();
  ApiClient(ApiClient const&) = delete;
  ApiClient& operator=(ApiClient const&) = delete;

  /// Fails with `daemon_away` when nobody listens. The calls below connect by themselves.
  Result<void> connect();
  /// Connects and hears from the daemon: one that is just being killed still accepts connections, and counts as
  /// `daemon_away`.
  Result<void> reach();
  Result<json> get(std::string target, milliseconds patience = call_patience);
  Result<json> post(std::string target, json const& body, milliseconds patience = call_patience);
  Result<json> remove(std::string target);
  Result<json> call(Call const& call);
  /// Says it again where the connection broke: for a call that tells by its key that it is the same.
  Result<json> call_once(Call const& call);
  /// The body as it came, whatever it is.
  Result<std::string> bytes(Call const& call);
  /// The body a part at a time, however long it is; `call.patience` is for each part. An error of the sink's ends it.
  /// JSON that is no problem document is an answer whatever its status.
  Result<void> stream(Call const& call, std::function<Result<void>(std::string_view)> const& sink);
  /// The daemon's process, as the kernel knows it; -1 before connect().
  pid_t server_pid() const;
  Endpoint const& endpoint() const { return endpoint_; }

 private:
  struct Connection;
  Result<std::string> attempt(Call const& call, bool& answered);
  Endpoint endpoint_;
  std::unique_ptr<Connection> connection_;
};

/// A response that goes on: server-sent events.
class EventStream {
 public:
  /// `after`: the id of the last event seen; empty lets the target's own cursor decide. `silence`: dead after it.
  static Result<std::unique_ptr<EventStream>> open(Endpoint const& endpoint, std::string target, std::string after,
                                                   milliseconds silence = silence_limit);
  ~EventStream();
  /// The next event; nothing when `patience` passed without one. `stream_ended` (unavailable) when the daemon
  /// closed it, or was silent for longer than its keep-alives allow.
  Result<std::optional<StreamEvent>> next(std::optional<milliseconds> patience = std::nullopt);
  /// Where to go on from; the daemon tells it before the first event too. Empty: not known yet.
  std::string const& last_id() const;

 private:
  struct State;
  explicit EventStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Percent-encodes one path segment or query value.
std::string encoded(std::string_view text);

}  // namespace ar::cli
