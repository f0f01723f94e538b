#pragma once
#include "daemon/store/tables/table.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ar::daemon {

/// The approval rules that people have added; the rule itself is JSON.
class ApprovalRuleTable {
 public:
  explicit ApprovalRuleTable(Database& db) : db_(db) {}
  struct Row {
    std::int64_t id = 0;
    std::string agent;  ///< with which it goes; empty: none
    WallTime created_at;
    std::int64_t approval = 0;  ///< whose request it was made of; 0: none
    std::int64_t uses = 0;
    WallTime last_used_at{};
    std::string record;
  };
  /// In their order.
  std::vector<Row> all() const;
  /// Its id, which was never another's.
  std::int64_t add(Row const& row);
  void used(std::int64_t id, WallTime at);
  void erase(std::int64_t id);
  void erase_agent(std::string const& agent);

 private:
  Database& db_;
};

}  // namespace ar::daemon
