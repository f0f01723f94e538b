// The agents that speak through this bus: how the relay is greeted for each, what it last heard of them, and which of
// them it refuses.
#pragma once
#include "base/json.hpp"
#include "relay/remote/remote_bus.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ar::relay::remote {

/// The token is good, but not for this.
bool is_wrong_scope(Error const& error);

class Agents {
 public:
  explicit Agents(RemoteConfig const& config) : config_(config) {}

  // ---- presence ----
  /// The relay knows it.
  void registered(Presence presence);
  void removed(std::string const& agent_id) { present_.erase(agent_id); }
  /// Its removal could not be told: it is, once the relay is back, unless the agent registers again before.
  void tell_removal_later(std::string agent_id);
  void removal_told(std::string const& agent_id) { removals_.erase(agent_id); }
  std::set<std::string> const& removals() const { return removals_; }
  /// Its newest status, whether or not the relay has heard it.
  void becomes(std::string const& agent_id, std::string const& status, bool ready, json const& meta);
  /// The relay is away: the next connection's hello tells the status. False: an agent that is not registered here.
  bool tell_later(std::string const& agent_id);
  std::size_t untold() const;

  // ---- hellos ----
  json hello_of_machine() const;
  /// With the status of an agent that is registered: then it is this machine's.
  json hello(Identity const& who, std::string const& runner_id) const;
  /// On a new connection: with the last message it has heard of (0: none), too.
  json hello_again(Identity const& who, std::string const& runner_id, MessageId last_seen);

  // ---- refusals ----
  /// An agent that a newer instance has taken, or that the token is not for, is left alone; other errors pass.
  void refused(std::string const& agent_id, Error const& error);
  /// A newer start of it is asked about anew: it takes the agent back from another daemon.
  void started_anew(std::string const& agent_id, std::string const& instance_id);
  Result<void> check(std::string const& agent_id) const;
  /// There is another token.
  void allow_all() { refused_.clear(); }
  std::optional<Error> refusal(std::string const& agent_id) const;
  std::map<std::string, std::string> refusals() const;  ///< why, by agent id

 private:
  struct Present {
    Presence presence;
    bool untold = false;  ///< its status has changed since the relay heard of it
  };

  std::string instance_of(std::string const& agent_id) const;

  RemoteConfig const& config_;
  std::map<std::string, Present> present_;     ///< registered through this bus, by agent id
  std::map<std::string, Error> refused_;       ///< may not speak here, and why
  std::map<std::string, std::string> starts_;  ///< the newest instance of each that was to be registered
  std::set<std::string> removals_;             ///< agents of whose end the relay has not heard yet
};

}  // namespace ar::relay::remote
