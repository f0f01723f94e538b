#pragma once
#include "daemon/store/tables/table.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ar::daemon {

/// What requests with an Idempotency-Key were answered. Of what made something, for as long as that is there, and 24 h;
/// of all others, 24 h.
class KeptAnswerTable {
 public:
  explicit KeptAnswerTable(Database& db) : db_(db) {}
  struct Row {
    std::string body_hash, location, body;
  };
  std::optional<Row> find(std::string const& owner, std::string const& key) const;
  void put(std::string const& owner, std::string const& key, Row const& row, WallTime now);
  /// The owner is gone: they are not those of the next one of its name.
  void erase_owner(std::string const& owner);
  /// What lies there is gone.
  void gone(std::string_view location, WallTime now);
  void prune(Walk& walk, WallTime oldest);

 private:
  Database& db_;
};

}  // namespace ar::daemon
