#include "daemon/store/tables/delivery_table.hpp"

#include "base/json.hpp"

namespace ar::daemon {
namespace {

/// When its last step was; a damaged one is from long ago.
WallTime time_of(std::string const& record) {
  auto const delivery = parse_object(record);
  if (!delivery) return {};
  auto const steps = delivery->find("steps");
  if (steps == delivery->end() || !steps->is_array() || steps->empty()) return {};
  auto const& last = steps->back();
  return last.is_array() && last.size() == 2 && last[1].is_number_integer() ? from_millis(last[1].get<std::int64_t>())
                                                                            : WallTime();
}

std::vector<DeliveryTable::Row> agents_and_records(MessageId message, Statement& rows) {
  std::vector<DeliveryTable::Row> found;
  while (rows.step()) {
    auto& row = found.emplace_back();
    row.agent = rows.text(0);
    row.message = message;
    row.record = rows.text(1);
  }
  return found;
}

}  // namespace

void DeliveryTable::put(Row const& row) {
  db_.prepare(
         "INSERT INTO deliveries(agent, store, message, state, correlation_id, record, open) "
         "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) "
         "ON CONFLICT(agent, store, message) DO UPDATE SET state = ?4, correlation_id = ?5, record = ?6, open = ?7")
      .bind(row.agent, row.store, row.message, row.state, row.correlation_id, row.record, row.open)
      .run();
}

void DeliveryTable::erase(std::string const& agent, std::string const& store, MessageId message) {
  db_.prepare("DELETE FROM deliveries WHERE agent = ?1 AND store = ?2 AND message = ?3")
      .bind(agent, store, message)
      .run();
}

void DeliveryTable::erase_agent(std::string const& agent) {
  db_.prepare("DELETE FROM deliveries WHERE agent = ?1").bind(agent).run();
}

std::vector<DeliveryTable::Row> DeliveryTable::open_of(std::string const& agent) const {
  std::vector<Row> found;
  auto& rows = db_.prepare("SELECT store, message, record FROM deliveries WHERE agent = ?1 AND open = 1").bind(agent);
  while (rows.step()) {
    auto& row = found.emplace_back();
    row.store = rows.text(0);
    row.message = rows.integer(1);
    row.record = rows.text(2);
  }
  return found;
}

void DeliveryTable::each_settled(std::string const& agent, std::function<void(Row const&)> const& tell) const {
  auto& rows = db_.prepare(
                      "SELECT store, message, state, correlation_id, record FROM deliveries "
                      "WHERE agent = ?1 AND open = 0 AND correlation_id <> '' ORDER BY rowid")
                   .bind(agent);
  while (rows.step()) tell({agent, rows.text(0), rows.integer(1), rows.text(2), rows.text(3), rows.text(4), false});
}

std::vector<DeliveryTable::Row> DeliveryTable::of_message(MessageId message, std::string const& store) const {
  return agents_and_records(message,
                            db_.prepare("SELECT agent, record FROM deliveries WHERE message = ?1 AND store IN (?2, '')")
                                .bind(message, store));
}

std::vector<DeliveryTable::Row> DeliveryTable::of_message_elsewhere(MessageId message, std::string const& store) const {
  return agents_and_records(
      message, db_.prepare("SELECT agent, record FROM deliveries WHERE message = ?1 AND store NOT IN (?2, '')")
                   .bind(message, store));
}

std::pair<MessageId, MessageId> DeliveryTable::local_range(std::string const& agent) const {
  auto& row = db_.prepare(
                     "SELECT coalesce(min(message), 0), coalesce(max(message), 0) FROM deliveries "
                     "WHERE agent = ?1 AND store = '' AND message < 0")
                  .bind(agent);
  row.step();
  std::pair const range(row.integer(0), row.integer(1));
  row.reset();
  return range;
}

std::vector<MessageId> DeliveryTable::newest_of(std::string const& agent, std::string const& store,
                                                std::int64_t most) const {
  std::vector<MessageId> found;
  auto& rows = db_.prepare(
                      "SELECT message FROM deliveries WHERE agent = ?1 AND store = ?2 AND message > 0 "
                      "ORDER BY message DESC LIMIT ?3")
                   .bind(agent, store, most);
  while (rows.step()) found.push_back(rows.integer(0));
  return found;
}

bool DeliveryTable::contains(std::string const& agent, std::string const& store, MessageId message) const {
  return integer_of(db_, "SELECT 1 FROM deliveries WHERE agent = ?1 AND store IN ('', ?2) AND message = ?3", agent,
                    store, message) == 1;
}

std::set<MessageId> DeliveryTable::whole_of(std::string const& agent) const {
  std::set<MessageId> found;
  for (auto const* query : {"SELECT message FROM deliveries WHERE agent = ?1 AND open = 1",
                            "SELECT message FROM deliveries WHERE agent = ?1 AND open = 0 AND correlation_id <> ''"}) {
    auto& rows = db_.prepare(query).bind(agent);
    while (rows.step()) found.insert(rows.integer(0));
  }
  return found;
}

void DeliveryTable::move_above(std::string const& agent, std::string const& from, std::string const& to,
                               MessageId kept) {
  db_.prepare("UPDATE OR REPLACE deliveries SET store = ?3 WHERE agent = ?1 AND store = ?2 AND message > ?4")
      .bind(agent, from, to, kept)
      .run();
}

void DeliveryTable::give_to_store(std::string const& from, std::string const& to) {
  db_.prepare("UPDATE OR IGNORE deliveries SET store = ?2 WHERE store IN ('', ?1) AND message > 0")
      .bind(from, to)
      .run();
}

/// Those that are left as numbers only have no correlation id any more.
void DeliveryTable::prune(std::string const& agent, Walk& walk, Kept kept) {
  auto surplus =
      integer_of(db_, "SELECT count(*) FROM deliveries WHERE agent = ?1 AND open = 0 AND correlation_id <> ''", agent) -
      kept.most;
  struct Over {
    std::int64_t row;
    MessageId message;
    std::string state;
  };
  std::vector<Over> over;
  auto& rows = db_.prepare(
                      "SELECT rowid, message, state, record FROM deliveries "
                      "WHERE agent = ?1 AND open = 0 AND correlation_id <> '' AND rowid > ?2 ORDER BY rowid LIMIT ?3")
                   .bind(agent, walk.after, kBatch);
  walk.done = true;
  while (rows.step()) {
    walk.after = rows.integer(0);
    walk.done = surplus-- <= 0 && time_of(rows.text(3)) >= kept.oldest;
    if (walk.done) break;
    over.push_back({walk.after, rows.integer(1), rows.text(2)});
  }
  rows.reset();
  for (auto const& row : over) {
    json const left = {{"message", row.message}, {"state", row.state}, {"acknowledged", true}, {"reported", true}};
    db_.prepare("UPDATE deliveries SET correlation_id = '', record = ?2 WHERE rowid = ?1")
        .bind(row.row, to_text(left))
        .run();
  }
}

}  // namespace ar::daemon
