#pragma once
#include "daemon/store/tables/table.hpp"
#include "model/message.hpp"

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ar::daemon {

/// Every message that an agent has ever taken up, by its number in a store of the bus; negative: it never was on a bus.
/// The store is empty where none numbered it, or nobody could tell which. What is forgotten of a delivery leaves its
/// number and how it ended: no message may be taken up twice.
class DeliveryTable {
 public:
  explicit DeliveryTable(Database& db) : db_(db) {}
  struct Row {
    std::string agent, store;
    MessageId message = 0;
    std::string state, correlation_id, record;  ///< record: JSON
    bool open = false;                          ///< something is still to be done about it
  };
  void put(Row const& row);
  void erase(std::string const& agent, std::string const& store, MessageId message);
  void erase_agent(std::string const& agent);

  /// Of these rows the store, the number and the record.
  std::vector<Row> open_of(std::string const& agent) const;
  /// Those about which nothing is to be done any more, and of which more than the number is left.
  void each_settled(std::string const& agent, std::function<void(Row const&)> const& tell) const;
  /// Of a message in that store, or in none: the agents and the records.
  std::vector<Row> of_message(MessageId message, std::string const& store) const;
  /// ... in any other store.
  std::vector<Row> of_message_elsewhere(MessageId message, std::string const& store) const;
  /// The lowest and the highest number of what never was on a bus; 0: there is none.
  std::pair<MessageId, MessageId> local_range(std::string const& agent) const;
  /// The numbers in exactly that store, from the highest down.
  std::vector<MessageId> newest_of(std::string const& agent, std::string const& store, std::int64_t most) const;
  /// In that store, or in none.
  bool contains(std::string const& agent, std::string const& store, MessageId message) const;
  /// The messages that are open, or whose record is whole.
  std::set<MessageId> whole_of(std::string const& agent) const;

  /// Those above `kept` are of the store `to` now.
  void move_above(std::string const& agent, std::string const& from, std::string const& to, MessageId kept);
  /// What was of `from`, or of a store that nobody could tell, is of `to`.
  void give_to_store(std::string const& from, std::string const& to);

  /// In the order in which they were taken up.
  void prune(std::string const& agent, Walk& walk, Kept kept);

 private:
  Database& db_;
};

}  // namespace ar::daemon
