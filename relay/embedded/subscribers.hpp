// Who wants to be hinted at what. io thread only.
#pragma once
#include "relay/bus.hpp"
#include "relay/embedded/messages.hpp"

namespace ar::relay::embedded {

/// Shared, so that a Subscription may outlive the bus. A callback may subscribe, and end any subscription,
/// its own too.
class Subscribers : public std::enable_shared_from_this<Subscribers> {
 public:
  std::unique_ptr<Subscription> add(Identity who, std::string runner_id, BusHints hints);
  void announce(Changes const& changes) const;

 private:
  struct Entry {
    Identity who;
    std::string runner_id;
    BusHints hints;
    bool ended = false;
  };
  class Registration;
  void announce(Message const& message) const;
  void announce(Command const& command) const;
  std::vector<std::shared_ptr<Entry>> entries_;
};

}  // namespace ar::relay::embedded
