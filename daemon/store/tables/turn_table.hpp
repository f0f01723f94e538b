#pragma once
#include "base/json.hpp"
#include "daemon/store/tables/table.hpp"
#include "model/message.hpp"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace ar::daemon {

/// The turns of each agent, numbered from 1; the record is JSON.
class TurnTable {
 public:
  explicit TurnTable(Database& db) : db_(db) {}
  void put(std::string const& agent, std::int64_t number, std::string const& record);
  /// False: there is one of that number, which stays.
  bool add(std::string const& agent, std::int64_t number, std::string const& record);
  /// Adds to the record, or replaces, what has been found out since; nothing happens when it has been pruned.
  void amend(std::string const& agent, std::int64_t number, json const& known);
  void erase_agent(std::string const& agent);
  /// From the newest down; `before`: below that number, 0: all.
  std::vector<Record> page(std::string const& agent, std::int64_t before, int limit) const;
  /// For each of these times, which come the latest first, the turn that ran then: the first one that had not ended
  /// before. 0: none.
  std::vector<std::int64_t> at(std::string const& agent, std::vector<WallTime> const& times) const;
  /// All of them, in their order.
  void each(std::string const& agent, std::function<void(Record const&)> const& tell) const;
  /// Those that run, in their order.
  std::vector<Record> running(std::string const& agent) const;
  /// What they are about.
  std::set<MessageId> messages_of_running(std::string const& agent) const;
  /// 0: it has had none.
  std::int64_t newest(std::string const& agent) const;
  /// The newest stays.
  void prune(std::string const& agent, Walk& walk, Kept kept);

 private:
  Database& db_;
};

}  // namespace ar::daemon
