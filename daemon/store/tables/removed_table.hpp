#pragma once
#include "daemon/store/tables/table.hpp"

#include <string>
#include <vector>

namespace ar::daemon {

/// What was removed within the time for which the history is kept: see daemon/store/removed.hpp.
class RemovedTable {
 public:
  explicit RemovedTable(Database& db) : db_(db) {}
  struct Row {
    std::string noun, id, owner;
    WallTime at{};
  };
  void put(Row const& row);
  /// The agent is gone: what it owned is its parent's now, or, with an empty one, the operator's alone.
  void give(std::string const& agent, std::string const& parent);
  /// The newest, from the oldest of them on.
  std::vector<Row> newest(std::int64_t most) const;
  void prune(Walk& walk, WallTime oldest);

 private:
  Database& db_;
};

}  // namespace ar::daemon
