#pragma once
#include "daemon/store/tables/table.hpp"
#include "model/event.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace ar::daemon {

/// An event, and what holds it in its place: `chain` is the SHA-256 of `previous` and its text, all in hex.
struct ChainedEvent {
  std::string text, chain, previous;
};

struct ChainCheck {
  std::int64_t first = 0, last = 0;  ///< looked at so far; 0: none
  std::int64_t checked = 0;          ///< that follow from the one before them
  std::int64_t unchained = 0;        ///< of an earlier version, or the one before is not kept any more
  std::int64_t broken = 0;           ///< the first that does not follow; 0: none
  std::string head{};                ///< the chain of `last`; empty: it has none
};

/// The event log: numbers without gaps over all, and of each agent by itself.
class EventTable {
 public:
  explicit EventTable(Database& db) : db_(db) {}
  void add(Event const& event, WallTime at);
  /// One of the log of all, by its number.
  std::optional<ChainedEvent> chained(std::int64_t number) const;
  /// The number of the last one of that type that is about the agent's message; 0: there is none.
  std::int64_t about_message(std::string const& agent, std::string const& type, std::int64_t message) const;
  /// Looks at some `limit` events of the log of all after `progress.last`: true when there are none left.
  bool check_chain(ChainCheck& progress, int limit) const;
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
  std::string chain_of(std::int64_t number) const;
  Database& db_;
};

}  // namespace ar::daemon
