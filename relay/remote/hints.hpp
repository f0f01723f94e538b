// What the relay tells by itself becomes hints to the subscribers; what it told while the connection was away is asked
// for.
#pragma once
#include "base/json.hpp"
#include "relay/subscribers.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ar::relay::remote {

class Hints {
 public:
  std::unique_ptr<Subscription> subscribe(Identity who, std::string runner_id, BusHints hints) {
    return subscribers_->add(std::move(who), std::move(runner_id), std::move(hints));
  }
  /// Each pair of agent and runner once.
  std::vector<std::pair<Identity, std::string>> subscribers() const { return subscribers_->all(); }

  /// A frame of type message.new or command, others are no hints. Error: it cannot be read.
  Result<void> take(json const& frame);
  /// Hints at everything unread and every command pending. False: the bus could not be asked everything.
  awaitable<bool> catch_up(Bus& bus);

  MessageId last_seen() const { return last_seen_; }
  /// The store is another one.
  void forget_last_seen() { last_seen_ = 0; }
  std::int64_t count() const { return count_; }

 private:
  std::shared_ptr<Subscribers> subscribers_ = std::make_shared<Subscribers>();
  MessageId last_seen_ = 0;
  std::int64_t count_ = 0;
};

}  // namespace ar::relay::remote
