#pragma once
#include "daemon/store/tables/table.hpp"

#include <string>
#include <utility>
#include <vector>

namespace ar::daemon {

/// Where the budgets of the configuration stand, by name; a record is JSON.
class BudgetTable {
 public:
  explicit BudgetTable(Database& db) : db_(db) {}
  std::vector<std::pair<std::string, std::string>> all() const;
  void put(std::string const& name, std::string const& record);
  void erase(std::string const& name);

 private:
  Database& db_;
};

}  // namespace ar::daemon
