// Keeps the bus connected: connects, sets up, brings the views up to date, mends feeds, and begins again when the
// connection is lost. io thread only.
#pragma once
#include "base/worker.hpp"
#include "relay/nats/core.hpp"

namespace ar::relay::nats {

class Link {
 public:
  explicit Link(Core& core);
  /// For as long as the bus lives; a task of the core's.
  awaitable<void> run();
  /// After the core's tasks have stopped.
  awaitable<void> close();

  /// Waits for the outcome of the first attempt only.
  awaitable<Result<void>> ready();
  /// connected, connecting, backoff or auth-failed.
  std::string state() const;
  json describe() const;  ///< the server, what was made, what is wrong
  /// The newest status of an agent that could not be told; told with the next connection.
  void keep_status(std::string agent_id, std::string status, bool ready, json meta);
  void status_told(std::string const& agent_id) { statuses_.erase(agent_id); }

 private:
  enum class State { connecting, connected, backoff, auth_failed, closed };
  awaitable<Result<void>> connect();
  /// Nothing learned is no error, where the server stores nothing now.
  awaitable<Result<void>> look_at_the_clock();
  /// Takes what a feed has missed, for as long as it comes nearer.
  awaitable<Result<void>> replay(Feed& feed);
  awaitable<void> stay();
  bool any_broken() const;
  void failed(Error const& error, std::string const& as);
  awaitable<void> tell_statuses();
  struct KeptStatus {
    std::string status;
    bool ready = false;
    json meta = json::object();
  };

  Core& core_;
  State state_ = State::connecting;
  bool first_ = true;
  Error problem_{};
  std::map<std::string, KeptStatus> statuses_;
  std::vector<std::string> made_;
  std::uint64_t last_feed_ = 0;
  int attempts_ = 0, connections_ = 0;
  bool clock_known_ = false;  ///< the server's, since this connection was made
  Notifier changed_;
  Worker thread_;
};

}  // namespace ar::relay::nats
