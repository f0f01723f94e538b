#pragma once
#include "daemon/store/tables/table.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// The snapshots that there are; each one's document is a file.
class SnapshotTable {
 public:
  explicit SnapshotTable(Database& db) : db_(db) {}
  struct Row {
    std::string id, label;  ///< no label: empty
    WallTime created_at;
    std::int64_t bytes = 0;
    bool history = false;
    std::string sections;  ///< JSON
  };
  void add(Row const& row);
  void erase(std::string const& id);
  std::optional<Row> find(std::string const& id) const;
  /// The newest first. `label_contains` empty: all.
  std::vector<Row> newest(std::string const& label_contains, int limit) const;
  std::vector<std::string> ids() const;
  std::int64_t count() const;

 private:
  Database& db_;
};

}  // namespace ar::daemon
