#include "daemon/store/tables/kept_answer_table.hpp"

namespace ar::daemon {

std::optional<KeptAnswerTable::Row> KeptAnswerTable::find(std::string const& owner, std::string const& key) const {
  auto& row =
      db_.prepare("SELECT body_hash, location, body FROM kept_answers WHERE owner = ?1 AND key = ?2").bind(owner, key);
  std::optional<Row> found;
  if (row.step()) found = Row{row.text(0), row.text(1), row.text(2)};
  row.reset();
  return found;
}

void KeptAnswerTable::put(std::string const& owner, std::string const& key, Row const& row, WallTime now) {
  db_.prepare(
         "INSERT OR REPLACE INTO kept_answers(owner, key, body_hash, location, body, over_at) "
         "VALUES(?1, ?2, ?3, ?4, ?5, CASE ?4 WHEN '' THEN ?6 ELSE 0 END)")
      .bind(owner, key, row.body_hash, row.location, row.body, to_millis(now))
      .run();
}

void KeptAnswerTable::erase_owner(std::string const& owner) {
  db_.prepare("DELETE FROM kept_answers WHERE owner = ?1").bind(owner).run();
}

void KeptAnswerTable::gone(std::string_view location, WallTime now) {
  db_.prepare("UPDATE kept_answers SET over_at = ?2 WHERE location = ?1 AND over_at = 0")
      .bind(location, to_millis(now))
      .run();
}

void KeptAnswerTable::prune(Walk& walk, WallTime oldest) {
  db_.prepare(
         "DELETE FROM kept_answers WHERE (owner, key) IN (SELECT owner, key FROM kept_answers "
         "WHERE over_at > 0 AND over_at < ?1 LIMIT ?2)")
      .bind(to_millis(oldest), kBatch)
      .run();
  walk.done = db_.changes() < kBatch;
}

}  // namespace ar::daemon
