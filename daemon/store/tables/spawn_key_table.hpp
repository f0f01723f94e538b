#pragma once
#include "daemon/store/tables/table.hpp"

#include <optional>
#include <string>

namespace ar::daemon {

/// The idempotency keys of spawns, and which agent each has made. Known for as long as that is there, and 24 h.
class SpawnKeyTable {
 public:
  explicit SpawnKeyTable(Database& db) : db_(db) {}
  struct Use {
    std::string body_hash, agent;
    bool over = false;  ///< the agent is gone: one of its name is another one
  };
  std::optional<Use> find(std::string const& key) const;
  void put(std::string const& key, Use const& use);
  /// The agent is gone.
  void agent_gone(std::string const& agent, WallTime now);
  /// There never was one, as far as who asked for it was told: the key is free.
  void forget_agent(std::string const& agent);
  /// The agent that had them is gone: they are not those of the next one of its name.
  void erase_owner(std::string const& agent);
  void prune(Walk& walk, WallTime oldest);

 private:
  Database& db_;
};

}  // namespace ar::daemon
