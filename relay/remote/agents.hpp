// The agents that speak through this bus: how the relay is greeted for each, what it last heard of them, and which of
// them it refuses.
#pragma once
#include "base/json.hpp"
#include "relay/remote/remote_bus.hpp"

#include <map>
#include <string>
#include <vector>

namespace ar::relay::remote {

class Agents {
 public:
  explicit Agents(RemoteConfig const& config) : config_(config) {}

  // ---- presence ----
  /// The relay knows it.
  void registered(Presence presence);
  void removed(std::string const& agent_id) { present_.erase(agent_id); }
  /// Its newest status, whether or not the relay has heard it.
  void becomes(std::string const& agent_id, std::string const& status, bool ready, json const& meta);
  /// The relay is away: the next connection's hello tells the status. False: an agent that is not registered here.
  bool tell_later(std::string const& agent_id);
  std::size_t untold() const;

  // ---- hellos ----
  json hello_of_machine() const;
  json hello(Identity const& who, std::string const& runner_id) const;
  /// On a new connection: with its status, and with the last message it has heard of (0: none).
  json hello_again(Identity const& who, std::string const& runner_id, MessageId last_seen);

  // ---- refusals ----
  /// An agent that a newer instance has taken, or that the token is not for, is left alone; other errors pass.
  void refused(std::string const& agent_id, Error const& error);
  Result<void> check(std::string const& agent_id) const;
  /// There is another token.
  void allow_all() { refused_.clear(); }
  std::map<std::string, Error> const& refused() const { return refused_; }

 private:
  struct Present {
    Presence presence;
    bool untold = false;  ///< its status has changed since the relay heard of it
  };

  RemoteConfig const& config_;
  std::map<std::string, Present> present_;  ///< registered through this bus, by agent id
  std::map<std::string, Error> refused_;    ///< may not speak here, and why
};

}  // namespace ar::relay::remote
