#pragma once
#include "daemon/store/tables/table.hpp"
#include "model/event.hpp"

#include <string>
#include <unordered_map>
#include <vector>

namespace ar::daemon {

/// The event log: numbers without gaps over all, and of each agent by itself.
class EventTable {
 public:
  explicit EventTable(Database& db) : db_(db) {}
  void add(Event const& event, WallTime at);
  /// 0: there is none.
  std::int64_t last() const;
  /// Each agent's own last number.
  std::unordered_map<std::string, std::int64_t> last_of_agents() const;
  /// Those after `cursor`, in their order. `agent` empty: of all, by the log's numbers; else by the agent's own.
  std::vector<Event> page(std::string const& agent, std::int64_t cursor, int limit) const;
  /// The newest of each agent that there is stays: its numbers go on after it.
  void prune(Walk& walk, Kept kept);

 private:
  Database& db_;
};

}  // namespace ar::daemon
