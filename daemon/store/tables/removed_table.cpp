#include "daemon/store/tables/removed_table.hpp"

#include <algorithm>

namespace ar::daemon {

void RemovedTable::put(Row const& row) {
  db_.prepare("INSERT OR REPLACE INTO removed(noun, id, owner, at) VALUES(?1, ?2, ?3, ?4)")
      .bind(row.noun, row.id, row.owner, to_millis(row.at))
      .run();
}

void RemovedTable::give(std::string const& agent, std::string const& parent) {
  db_.prepare("UPDATE removed SET owner = ?2 WHERE owner = ?1").bind(agent, parent).run();
}

std::vector<RemovedTable::Row> RemovedTable::newest(std::int64_t most) const {
  std::vector<Row> found;
  auto& rows = db_.prepare("SELECT noun, id, owner, at FROM removed ORDER BY at DESC LIMIT ?1").bind(most);
  while (rows.step()) found.push_back({rows.text(0), rows.text(1), rows.text(2), from_millis(rows.integer(3))});
  std::ranges::reverse(found);
  return found;
}

void RemovedTable::prune(Walk& walk, WallTime oldest) {
  db_.prepare(
         "DELETE FROM removed WHERE (noun, id) IN (SELECT noun, id FROM removed WHERE at < ?1 ORDER BY at LIMIT ?2)")
      .bind(to_millis(oldest), kBatch)
      .run();
  walk.done = db_.changes() < kBatch;
}

}  // namespace ar::daemon
