#include "daemon/store/tables/output_table.hpp"

namespace ar::daemon {
namespace {

/// Of rows with number, id, path, name, sha256, bytes, stamp, turn, modified_at, captured_at, gone_at.
OutputTable::Row row_in(Statement const& found) {
  OutputTable::Row row;
  row.number = found.integer(0);
  row.id = found.text(1);
  row.path = found.text(2);
  row.name = found.text(3);
  row.sha256 = found.text(4);
  row.bytes = found.integer(5);
  row.stamp = found.text(6);
  row.turn = found.integer(7);
  row.modified_at = from_millis(found.integer(8));
  row.captured_at = from_millis(found.integer(9));
  if (auto const gone = found.integer(10); gone > 0) row.gone_at = from_millis(gone);
  return row;
}

std::int64_t millis(std::optional<WallTime> const& time) { return time ? to_millis(*time) : 0; }

}  // namespace

std::vector<OutputTable::Row> OutputTable::after(std::string const& agent, std::int64_t number, int limit) const {
  std::vector<Row> found;
  auto& rows = db_.prepare(
                      "SELECT number, id, path, name, sha256, bytes, stamp, turn, modified_at, captured_at, gone_at "
                      "FROM outputs WHERE agent = ?1 AND number > ?2 ORDER BY number LIMIT ?3")
                   .bind(agent, number, limit == 0 ? -1 : limit);
  while (rows.step()) found.push_back(row_in(rows));
  return found;
}

std::optional<OutputTable::Row> OutputTable::find(std::string const& agent, std::string const& id) const {
  auto& found = db_.prepare(
                       "SELECT number, id, path, name, sha256, bytes, stamp, turn, modified_at, captured_at, gone_at "
                       "FROM outputs WHERE agent = ?1 AND id = ?2")
                    .bind(agent, id);
  std::optional<Row> row;
  if (found.step()) row = row_in(found);
  found.reset();
  return row;
}

std::set<std::string> OutputTable::contents(std::string const& agent) const {
  std::set<std::string> found;
  auto& rows = db_.prepare("SELECT DISTINCT sha256 FROM outputs WHERE agent = ?1").bind(agent);
  while (rows.step()) found.insert(rows.text(0));
  return found;
}

std::int64_t OutputTable::bytes(std::string const& agent) const {
  return integer_of(
      db_, "SELECT coalesce(sum(bytes), 0) FROM (SELECT DISTINCT sha256, bytes FROM outputs WHERE agent = ?1)", agent);
}

std::optional<OutputTable::Capture> OutputTable::capture(std::string const& agent) const {
  auto& row = db_.prepare("SELECT turn, at, missing FROM output_captures WHERE agent = ?1").bind(agent);
  std::optional<Capture> found;
  if (row.step()) found = Capture{row.integer(0), from_millis(row.integer(1)), row.text(2)};
  row.reset();
  return found;
}

void OutputTable::put(std::string const& agent, Row const& row) {
  db_.prepare("DELETE FROM outputs WHERE agent = ?1 AND path = ?2").bind(agent, row.path).run();
  db_.prepare(
         "INSERT INTO outputs(agent, id, path, name, sha256, bytes, stamp, turn, modified_at, captured_at, gone_at) "
         "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")
      .bind(agent, row.id, row.path, row.name, row.sha256, row.bytes, row.stamp, row.turn, to_millis(row.modified_at),
            to_millis(row.captured_at), millis(row.gone_at))
      .run();
}

void OutputTable::set_gone(std::string const& agent, std::string const& path, std::optional<WallTime> at) {
  db_.prepare("UPDATE outputs SET gone_at = ?3 WHERE agent = ?1 AND path = ?2").bind(agent, path, millis(at)).run();
}

void OutputTable::set_stamp(std::string const& agent, std::string const& path, std::string const& stamp) {
  db_.prepare("UPDATE outputs SET stamp = ?3, gone_at = 0 WHERE agent = ?1 AND path = ?2")
      .bind(agent, path, stamp)
      .run();
}

void OutputTable::put(std::string const& agent, Capture const& capture) {
  db_.prepare(
         "INSERT INTO output_captures(agent, turn, at, missing) VALUES(?1, ?2, ?3, ?4) "
         "ON CONFLICT(agent) DO UPDATE SET turn = ?2, at = ?3, missing = ?4")
      .bind(agent, capture.turn, to_millis(capture.at), capture.missing)
      .run();
}

void OutputTable::erase_agent(std::string const& agent) {
  db_.prepare("DELETE FROM outputs WHERE agent = ?1").bind(agent).run();
  db_.prepare("DELETE FROM output_captures WHERE agent = ?1").bind(agent).run();
}

void OutputTable::prune(std::string const& agent, Walk& walk, WallTime oldest) {
  db_.prepare(
         "DELETE FROM outputs WHERE number IN (SELECT number FROM outputs WHERE agent = ?1 AND gone_at > 0 AND "
         "gone_at < ?2 LIMIT ?3)")
      .bind(agent, to_millis(oldest), kBatch)
      .run();
  walk.done = db_.changes() < kBatch;
}

}  // namespace ar::daemon
