#pragma once
#include "daemon/store/tables/table.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// The agents, each with its definition and what it has to remember (both JSON).
class AgentTable {
 public:
  explicit AgentTable(Database& db) : db_(db) {}
  struct Row {
    std::string id, spec, state, record;
  };
  std::vector<Row> all() const;
  std::vector<std::string> ids() const;
  bool contains(std::string const& id) const;
  std::optional<Row> find(std::string const& id) const;
  /// The definition stays as it was first.
  void put(Row const& row);
  /// The agent and all that any table has of it, but for its events.
  void erase(std::string const& id);

 private:
  Database& db_;
};

}  // namespace ar::daemon
