// Who wants to be hinted at what. io thread only.
#pragma once
#include "relay/bus.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ar::relay {

/// Shared, so that a Subscription may outlive the bus. A callback may subscribe, and end any subscription, its own too.
class Subscribers : public std::enable_shared_from_this<Subscribers> {
 public:
  std::unique_ptr<Subscription> add(Identity who, std::string runner_id, BusHints hints);
  /// To those of one agent and one runner only, of whom the other side has said it is for them; `runner_id` null: all
  /// of that agent's.
  struct Only {
    std::string const& agent_id;
    std::string const* runner_id;
  };
  void announce(Message const& message, Only const* only = nullptr) const;
  void announce(Command const& command, Only const* only = nullptr) const;
  /// Who they are, each pair of agent and runner once.
  std::vector<std::pair<Identity, std::string>> all() const;

 private:
  struct Entry {
    Identity who;
    std::string runner_id;
    BusHints hints;
    bool ended = false;
  };
  class Registration;
  static bool concerns(Entry const& entry, Only const* only);
  std::vector<std::shared_ptr<Entry>> entries_;
};

}  // namespace ar::relay
