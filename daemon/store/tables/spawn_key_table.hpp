#pragma once
#include "daemon/store/tables/table.hpp"

#include <optional>
#include <string>

namespace ar::daemon {

/// The idempotency keys of spawns, and which agent each has made.
class SpawnKeyTable {
 public:
  explicit SpawnKeyTable(Database& db) : db_(db) {}
  struct Use {
    std::string body_hash, agent;
  };
  std::optional<Use> find(std::string const& key) const;
  void put(std::string const& key, Use const& use);
  void erase_agent(std::string const& agent);

 private:
  Database& db_;
};

}  // namespace ar::daemon
