#include "daemon/store/tables/receiver_table.hpp"

#include "daemon/store/tables/kept_answer_table.hpp"

namespace ar::daemon {

std::vector<ReceiverTable::Row> ReceiverTable::all() const {
  std::vector<Row> found;
  auto& rows = db_.prepare("SELECT id, owner, record FROM receivers ORDER BY id").bind();
  while (rows.step()) found.push_back({rows.text(0), rows.text(1), rows.text(2)});
  return found;
}

bool ReceiverTable::contains(std::string const& id) const {
  return integer_of(db_, "SELECT count(*) FROM receivers WHERE id = ?1", id) > 0;
}

void ReceiverTable::put(Row const& row) {
  db_.prepare("INSERT INTO receivers(id, owner, record) VALUES(?1, ?2, ?3)").bind(row.id, row.owner, row.record).run();
}

void ReceiverTable::change(std::string const& id, std::string const& record) {
  db_.prepare("UPDATE receivers SET record = ?2 WHERE id = ?1").bind(id, record).run();
}

// What it is told goes by a trigger.
void ReceiverTable::erase(std::string const& id) { db_.prepare("DELETE FROM receivers WHERE id = ?1").bind(id).run(); }

void ReceiverTable::erase_agent(std::string const& agent) {
  auto const now = wall_now();
  for (auto const& row : all())
    if (row.owner == agent) KeptAnswerTable(db_).gone("/v1/webhooks/" + row.id, now);
  db_.prepare("DELETE FROM receivers WHERE owner = ?1").bind(agent).run();
}

}  // namespace ar::daemon
