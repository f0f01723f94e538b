#include "daemon/store/tables/snapshot_table.hpp"

namespace ar::daemon {
namespace {

SnapshotTable::Row row_in(Statement const& row) {
  return {row.text(0), row.text(1), from_millis(row.integer(2)), row.integer(3), row.integer(4) == 1, row.text(5)};
}

}  // namespace

void SnapshotTable::add(Row const& row) {
  db_.prepare("INSERT INTO snapshots(id, label, created_at, bytes, history, sections) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")
      .bind(row.id, row.label, to_millis(row.created_at), row.bytes, row.history, row.sections)
      .run();
}

void SnapshotTable::erase(std::string const& id) { db_.prepare("DELETE FROM snapshots WHERE id = ?1").bind(id).run(); }

std::optional<SnapshotTable::Row> SnapshotTable::find(std::string const& id) const {
  auto& row =
      db_.prepare("SELECT id, label, created_at, bytes, history, sections FROM snapshots WHERE id = ?1").bind(id);
  std::optional<Row> found;
  if (row.step()) found = row_in(row);
  row.reset();
  return found;
}

std::vector<SnapshotTable::Row> SnapshotTable::newest(std::string const& label_contains, int limit) const {
  std::vector<Row> found;
  auto& rows = db_.prepare(
                      "SELECT id, label, created_at, bytes, history, sections FROM snapshots "
                      "WHERE ?1 = '' OR instr(label, ?1) > 0 ORDER BY created_at DESC, id LIMIT ?2")
                   .bind(label_contains, limit);
  while (rows.step()) found.push_back(row_in(rows));
  return found;
}

std::vector<std::string> SnapshotTable::ids() const {
  std::vector<std::string> found;
  auto& rows = db_.prepare("SELECT id FROM snapshots").bind();
  while (rows.step()) found.push_back(rows.text(0));
  return found;
}

std::int64_t SnapshotTable::count() const { return integer_of(db_, "SELECT count(*) FROM snapshots"); }

}  // namespace ar::daemon
