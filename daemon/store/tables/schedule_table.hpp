#pragma once
#include "daemon/store/tables/table.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// Schedules, each with what it is to do.
class ScheduleTable {
 public:
  /// Of those that are over so many are kept, the newest.
  static constexpr int kOverKept = 1000;

  explicit ScheduleTable(Database& db) : db_(db) {}
  struct Row {
    std::string id, owner;
    std::string record;              ///< Schedule as JSON
    std::optional<WallTime> next{};  ///< nothing: it is not due, or something of it is under way
    bool under_way = false;
    std::optional<WallTime> over{};  ///< since then it is not due any more
  };
  struct Size {
    std::int64_t schedules = 0;  ///< that are not over
    std::int64_t bytes = 0;      ///< of what all are to do
  };

  /// `what`: the request that it carries out. Where too many are over, the oldest of these go.
  void add(Row const& row, std::string const& what);
  /// Nothing happens where it is gone.
  void change(Row const& row);
  void erase(std::string const& id);
  void erase_owner(std::string const& owner);

  std::optional<Row> find(std::string const& id) const;
  /// What it is to do.
  std::string what(std::string const& id) const;
  /// In the order of their ids, after that one. `owner` empty: everybody's.
  std::vector<Row> page(std::string const& owner, std::string const& after, int limit) const;
  /// Due now, the earliest first.
  std::vector<Row> due(WallTime now, int limit) const;
  std::vector<std::string> under_way() const;
  /// When the next one is due.
  std::optional<WallTime> next() const;
  /// `owner` empty: of all.
  Size size_of(std::string const& owner) const;
  /// Those that are over since before that time.
  void prune(Walk& walk, WallTime oldest);

 private:
  void erase_all(std::vector<std::string> const& ids);

  Database& db_;
};

}  // namespace ar::daemon
