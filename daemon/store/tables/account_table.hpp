#pragma once
#include "daemon/store/tables/table.hpp"

#include <string>
#include <utility>
#include <vector>

namespace ar::daemon {

/// The accounts that are held, by name; a record is JSON.
class AccountTable {
 public:
  explicit AccountTable(Database& db) : db_(db) {}
  std::vector<std::pair<std::string, std::string>> all() const;
  void put(std::string const& account, std::string const& record);
  void erase(std::string const& account);

 private:
  Database& db_;
};

}  // namespace ar::daemon
