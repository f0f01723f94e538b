#pragma once
#include "daemon/store/tables/table.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// What agents have asked people for; the record is JSON.
class ApprovalTable {
 public:
  /// The newest are also in memory, and are not pruned.
  static constexpr std::int64_t kNewest = 200;

  explicit ApprovalTable(Database& db) : db_(db) {}
  struct Row {
    std::int64_t id = 0;
    std::string agent, status;
    WallTime created_at;
    std::string record;
  };
  void put(Row const& row);
  void erase_agent(std::string const& agent);
  /// 0: there is none.
  std::int64_t last() const;
  /// The newest, and all that are pending, in their order.
  std::vector<Record> pending_and_newest() const;
  std::optional<std::string> record_of(std::int64_t id) const;
  /// The records of an agent's that were made at that moment.
  std::vector<std::string> of_time(std::string const& agent, WallTime at) const;
  /// From the newest down; `before`: below that id, 0: all; `status` empty: any; `agents` none: of all.
  std::vector<Record> page(std::int64_t before, std::string const& status,
                           std::optional<std::vector<std::string>> const& agents, int limit) const;
  /// An agent's, in their order.
  void each(std::string const& agent, std::function<void(Row const&)> const& tell) const;
  void prune(Walk& walk, Kept kept);

 private:
  Database& db_;
};

}  // namespace ar::daemon
