#include "daemon/store/tables/skill_table.hpp"

namespace ar::daemon {
namespace {

/// Of rows with id, name, hash, bytes, files, created_at, live.
SkillTable::Row row_in(Statement const& row) {
  return {row.text(0),        row.text(1), row.text(2), row.integer(3), row.text(4), from_millis(row.integer(5)),
          row.integer(6) != 0};
}

std::optional<SkillTable::Row> first_of(Statement& rows) {
  std::optional<SkillTable::Row> found;
  if (rows.step()) found = row_in(rows);
  rows.reset();
  return found;
}

std::vector<std::string> texts_of(Statement& rows) {
  std::vector<std::string> found;
  while (rows.step()) found.push_back(rows.text(0));
  return found;
}

}  // namespace

std::optional<SkillTable::Row> SkillTable::find(std::string const& id) const {
  return first_of(
      db_.prepare("SELECT id, name, hash, bytes, files, created_at, live FROM skills WHERE id = ?1").bind(id));
}

std::optional<SkillTable::Row> SkillTable::newest(std::string const& name) const {
  return first_of(db_.prepare("SELECT id, name, hash, bytes, files, created_at, live FROM skills "
                              "WHERE name = ?1 AND live = 1 ORDER BY number DESC LIMIT 1")
                      .bind(name));
}

std::optional<SkillTable::Row> SkillTable::with_content(std::string const& name, std::string const& hash,
                                                        bool any) const {
  return first_of(
      db_.prepare("SELECT id, name, hash, bytes, files, created_at, live FROM skills "
                  "WHERE name = ?1 AND hash = ?2 AND (live = 1 OR ?3) ORDER BY live DESC, number DESC LIMIT 1")
          .bind(name, hash, any));
}

std::vector<SkillTable::Row> SkillTable::list(Filter const& filter) const {
  std::vector<Row> found;
  auto& rows = db_.prepare(
                      "SELECT id, name, hash, bytes, '[]', created_at, live FROM skills AS one "
                      "WHERE live = 1 AND name > ?1 AND (?2 IS NULL OR name = ?2) AND (?3 IS NULL OR hash = ?3) "
                      "AND (?3 IS NOT NULL OR NOT EXISTS(SELECT 1 FROM skills AS other WHERE other.name = one.name "
                      "  AND other.live = 1 AND other.number > one.number)) ORDER BY name LIMIT ?4")
                   .bind(filter.after, filter.name, filter.hash, filter.limit);
  while (rows.step()) found.push_back(row_in(rows));
  return found;
}

SkillTable::Size SkillTable::size() const {
  auto& row = db_.prepare("SELECT count(*), coalesce(sum(bytes), 0) FROM skills").bind();
  auto const size = row.step() ? Size{row.integer(0), row.integer(1)} : Size{};
  row.reset();
  return size;
}

std::set<std::string> SkillTable::ids() const {
  auto const all = texts_of(db_.prepare("SELECT id FROM skills").bind());
  return {all.begin(), all.end()};
}

void SkillTable::add(Row const& row) {
  db_.prepare("INSERT INTO skills(id, name, hash, bytes, files, created_at, live) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")
      .bind(row.id, row.name, row.hash, row.bytes, row.files, to_millis(row.created_at), row.live)
      .run();
}

std::vector<SkillTable::Row> SkillTable::all() const {
  std::vector<Row> found;
  auto& rows =
      db_.prepare("SELECT id, name, hash, bytes, '[]', created_at, live FROM skills ORDER BY number DESC").bind();
  while (rows.step()) found.push_back(row_in(rows));
  return found;
}

void SkillTable::add_oldest(Row const& row) {
  db_.prepare(
         "INSERT INTO skills(number, id, name, hash, bytes, files, created_at, live) "
         "VALUES((SELECT coalesce(min(number), 1) - 1 FROM skills), ?1, ?2, ?3, ?4, ?5, ?6, ?7)")
      .bind(row.id, row.name, row.hash, row.bytes, row.files, to_millis(row.created_at), row.live)
      .run();
}

void SkillTable::revive(std::string const& id) {
  db_.prepare("UPDATE skills SET live = 1 WHERE id = ?1").bind(id).run();
}

void SkillTable::retire(std::string const& id) {
  db_.prepare("UPDATE skills SET live = 0 WHERE id = ?1").bind(id).run();
}

void SkillTable::pin(std::string const& agent, std::string const& id) {
  db_.prepare("INSERT OR IGNORE INTO skill_pins(agent, skill) VALUES(?1, ?2)").bind(agent, id).run();
}

void SkillTable::unpin(std::string const& agent) {
  db_.prepare("DELETE FROM skill_pins WHERE agent = ?1").bind(agent).run();
}

void SkillTable::unpin_strangers() {
  db_.prepare("DELETE FROM skill_pins WHERE agent NOT IN (SELECT id FROM agents)").bind().run();
}

std::vector<std::string> SkillTable::pinned_by(std::string const& id) const {
  return texts_of(db_.prepare("SELECT agent FROM skill_pins WHERE skill = ?1 ORDER BY agent").bind(id));
}

std::vector<std::string> SkillTable::collect() {
  return texts_of(
      db_.prepare("DELETE FROM skills WHERE live = 0 AND NOT EXISTS(SELECT 1 FROM skill_pins WHERE skill = id) "
                  "RETURNING id")
          .bind());
}

}  // namespace ar::daemon
