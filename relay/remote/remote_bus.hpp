// The bus of another machine (docs/relay-protocol.md): HTTP calls and one WebSocket to a relay that is served there.
//
// While the relay is away, calls fail as `unavailable` and may be repeated; an agent's status is kept, the newest only,
// and told when the relay is back. A message is never kept here, so that none is lost here: whoever sends repeats it
// with its key. After each reconnect the subscribers are hinted at everything that is unread, and the leases that calls
// through this bus have taken are renewed.
#pragma once
#include "base/random.hpp"
#include "relay/bus.hpp"

#include <filesystem>
#include <functional>

namespace ar::relay {

struct RemoteTimes {
  Clock::duration ping = std::chrono::seconds(15);
  Clock::duration dead = std::chrono::seconds(45);  ///< without a frame: the connection is given up
  Clock::duration connect = std::chrono::seconds(15);
  Clock::duration call = std::chrono::seconds(30);
  Clock::duration wait_for_relay = std::chrono::seconds(2);  ///< a call's, before it fails as `unavailable`
  Clock::duration least_backoff = std::chrono::milliseconds(250);
  Clock::duration most_backoff = std::chrono::seconds(30);
};

struct RemoteConfig {
  std::string url;  ///< http:// or https://
  std::filesystem::path token_file;
  std::filesystem::path ca_file{};  ///< empty: the system's authorities
  std::string instance_id{};        ///< of this start; a newer one supersedes it. Empty: a new one
  std::string machine{};
  BusLimits limits{};  ///< until the relay has said its own
  RemoteTimes times{};
  TaskGroup::OnDeath on_death{};  ///< it does not do all of its work any more
  Random random{};                ///< for the backoff; empty: a real one
};

class RemoteBus : public Bus {
 public:
  /// Starts to connect, and goes on for ever: whether the relay answers is no error here. Errors: an URL or ca_file
  /// that cannot be right. Await stop() before destroying the bus; calls in flight must have returned by then.
  static Result<std::unique_ptr<RemoteBus>> open(Executor executor, RemoteConfig config);
  /// Whether the relay answers on the WebSocket now; false at the deadline.
  virtual awaitable<bool> reach(Clock::duration patience) = 0;
};

}  // namespace ar::relay
