// Keeps the leases of one agent's claimed messages alive: renewed every 5 min, and always before half of what is left
// has gone.
#pragma once
#include "base/async.hpp"
#include "relay/bus.hpp"

#include <functional>
#include <map>
#include <string>

namespace ar::daemon {

class Leases {
 public:
  using OnChange = std::function<void(MessageId, std::string token)>;  ///< renewed: the token may be new
  using OnLost = std::function<void(MessageId, Error const&)>;
  Leases(Executor executor, relay::Bus& bus, OnChange on_renewed, OnLost on_lost);

  void hold(Claim const& claim);
  bool holds(MessageId id) const { return held_.contains(id); }
  void drop(MessageId id) { held_.erase(id); }
  /// How long after a lease was given it is to be renewed; `left` is what the bus said that it lasts.
  static milliseconds renew_after(milliseconds left);
  /// The loop; run it in a task group.
  awaitable<void> run();

 private:
  struct Lease {
    std::string token;
    Clock::time_point renew_at;  ///< monotonic: a system clock that is set takes no lease away
  };
  static Clock::time_point renewal_of(Claim const& claim);

  relay::Bus& bus_;
  OnChange on_renewed_;
  OnLost on_lost_;
  std::map<MessageId, Lease> held_;
  Notifier changed_;
};

}  // namespace ar::daemon
