#pragma once
#include "daemon/store/tables/table.hpp"
#include "model/event.hpp"

#include <functional>
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
  /// An agent's own last number; 0: it has none.
  std::int64_t last_of(std::string const& agent) const;
  /// Each agent's own last number.
  std::unordered_map<std::string, std::int64_t> last_of_agents() const;
  /// Those after `cursor`, in their order. `agent` empty: of all, by the log's numbers; else by the agent's own.
  std::vector<Event> page(std::string const& agent, std::int64_t cursor, int limit) const;
  /// An agent's, in their order.
  void each(std::string const& agent, std::function<void(Event const&, WallTime at)> const& tell) const;
  /// What an agent has brought from another daemon's log: in its own log under its own number, and not in the log of
  /// all, which tells what has happened here. `number` is of no meaning. False: there is one of that number, which
  /// stays.
  bool add_brought(Event event, WallTime at);
  /// The newest of each agent that there is stays: its numbers go on after it. What was brought goes by its age alone.
  void prune(Walk& walk, Kept kept);

 private:
  Database& db_;
};

}  // namespace ar::daemon
