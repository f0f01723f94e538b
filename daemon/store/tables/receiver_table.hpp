#pragma once
#include "daemon/store/tables/table.hpp"

#include <string>
#include <utility>
#include <vector>

namespace ar::daemon {

/// Whom the outbox tells; the record is JSON and holds a secret.
class ReceiverTable {
 public:
  explicit ReceiverTable(Database& db) : db_(db) {}
  struct Row {
    std::string id, owner, record;
  };
  std::vector<Row> all() const;
  bool contains(std::string const& id) const;
  void put(Row const& row);
  /// Another record of one that there still is.
  void change(std::string const& id, std::string const& record);
  /// With all that it was told, or is owed.
  void erase(std::string const& id);
  /// Those that are its own.
  void erase_agent(std::string const& agent);

 private:
  Database& db_;
};

}  // namespace ar::daemon
