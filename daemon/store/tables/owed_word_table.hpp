#pragma once
#include "daemon/store/tables/table.hpp"

#include <string>
#include <vector>

namespace ar::daemon {

/// What is still to be said to those who asked for a reply on a bus that is gone.
class OwedWordTable {
 public:
  explicit OwedWordTable(Database& db) : db_(db) {}
  struct Row {
    std::string key, word;  ///< the message's idempotency key, and the message as JSON
  };
  std::vector<Row> of(std::string const& agent) const;
  void put(std::string const& agent, Row const& row);
  void erase(std::string const& agent, std::string const& key);
  void erase_agent(std::string const& agent);

 private:
  Database& db_;
};

}  // namespace ar::daemon
