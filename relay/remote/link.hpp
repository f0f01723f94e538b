// The WebSocket to the relay, kept up for ever: connects, greets, pings, hears, and starts again with a backoff.
#pragma once
#include "base/http/http_client.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "relay/remote/remote_bus.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ar::relay::remote {

/// True for the refusal of this machine's own token.
bool is_refused_token(Error const& error);

/// What the link needs of the bus, and tells it.
struct LinkEvents {
  std::function<http::Header()> authorization;
  std::function<std::vector<json>()> hellos;         ///< of every agent, for a new connection
  std::function<void(json const& welcome)> welcome;  ///< connected: the first of each connection
  std::function<void(json const& frame)> frame;      ///< message.new, command, presence, notes, error
};

class Link {
 public:
  enum class State { connecting, connected, backoff, auth_failed };

  Link(Executor executor, http::HttpClient& caller, RemoteTimes times, Random random, LinkEvents events);

  /// The two loops; run them in a task group.
  awaitable<void> keep_up();
  awaitable<void> keep_alive();

  State state() const { return state_; }
  WallTime since() const { return since_; }
  std::optional<Error> const& last_error() const { return last_error_; }
  std::int64_t connections() const { return connections_; }

  /// False: not connected; nothing is kept.
  bool say(json const& frame);
  /// The token is no good: nothing is tried until it has changed.
  void refuse_token(Error error);
  /// Ends the connection under way; another one follows as after any loss.
  void cut(std::string const& why);
  /// There is a new token: connect again, at once.
  void start_again();
  /// Something went wrong beside the link: for the status and the log.
  void note(std::string const& subject, Error const& error);
  /// Waits until connected; false at the deadline.
  awaitable<bool> wait_connected(Clock::time_point deadline);
  awaitable<bool> reach(Clock::duration patience);

 private:
  awaitable<Error> converse(http::WebSocket& socket);
  void hear(json const& frame, bool& welcomed, std::optional<Error>& broken);
  void become(State state);
  void failed(Error const& error);

  Executor executor_;
  http::HttpClient& caller_;
  RemoteTimes const times_;
  Random const random_;
  LinkEvents const events_;
  State state_ = State::connecting;
  WallTime since_ = wall_now();
  std::optional<Error> last_error_{};
  std::int64_t connections_ = 0, pongs_ = 0;
  http::WebSocket* socket_ = nullptr;  ///< of the connection under way
  Clock::time_point last_frame_{};
  Clock::time_point lasted_at_ = Clock::time_point::max();  ///< when the connection will have been a good one
  int failures_ = 0;                                        ///< in a row
  bool again_ = false;                                      ///< start_again() was called
  LogThrottle gate_;
  Notifier changed_;
};

std::string_view to_string(Link::State state);

}  // namespace ar::relay::remote
