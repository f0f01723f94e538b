#include "daemon/store/tables/approval_table.hpp"

#include "base/json.hpp"

namespace ar::daemon {

void ApprovalTable::put(Row const& row) {
  db_.prepare(
         "INSERT INTO approvals(id, agent, status, created_at, record) VALUES(?1, ?2, ?3, ?4, ?5) "
         "ON CONFLICT(id) DO UPDATE SET status = ?3, record = ?5")
      .bind(row.id, row.agent, row.status, to_millis(row.created_at), row.record)
      .run();
}

void ApprovalTable::erase_agent(std::string const& agent) {
  db_.prepare("DELETE FROM approvals WHERE agent = ?1").bind(agent).run();
}

std::int64_t ApprovalTable::last() const { return integer_of(db_, "SELECT coalesce(max(id), 0) FROM approvals"); }

std::vector<Record> ApprovalTable::pending_and_newest() const {
  std::vector<Record> found;
  auto const above = last() - kNewest;
  auto& rows =
      db_.prepare("SELECT id, record FROM approvals WHERE status = 'pending' OR id > ?1 ORDER BY id").bind(above);
  while (rows.step()) found.emplace_back(rows.integer(0), rows.text(1));
  return found;
}

std::optional<std::string> ApprovalTable::record_of(std::int64_t id) const {
  auto& row = db_.prepare("SELECT record FROM approvals WHERE id = ?1").bind(id);
  std::optional<std::string> record;
  if (row.step()) record = row.text(0);
  row.reset();
  return record;
}

std::vector<Record> ApprovalTable::page(std::int64_t before, std::string const& status,
                                        std::optional<std::vector<std::string>> const& agents, int limit) const {
  std::vector<Record> found;
  auto const list = agents ? to_text(*agents) : std::string();
  auto& rows = db_.prepare(
                      "SELECT id, record FROM approvals WHERE (?1 = 0 OR id < ?1) AND (?2 = '' OR status = ?2) AND "
                      "(?3 = '' OR agent IN (SELECT value FROM json_each(?3))) ORDER BY id DESC LIMIT ?4")
                   .bind(before, status, list, limit);
  while (rows.step()) found.emplace_back(rows.integer(0), rows.text(1));
  return found;
}

std::vector<std::string> ApprovalTable::of_time(std::string const& agent, WallTime at) const {
  std::vector<std::string> found;
  auto& rows =
      db_.prepare("SELECT record FROM approvals WHERE agent = ?1 AND created_at = ?2").bind(agent, to_millis(at));
  while (rows.step()) found.push_back(rows.text(0));
  return found;
}

void ApprovalTable::each(std::string const& agent, std::function<void(Row const&)> const& tell) const {
  auto& rows =
      db_.prepare("SELECT id, status, created_at, record FROM approvals WHERE agent = ?1 ORDER BY id").bind(agent);
  while (rows.step()) tell({rows.integer(0), agent, rows.text(1), from_millis(rows.integer(2)), rows.text(3)});
}

void ApprovalTable::prune(Walk& walk, Kept kept) {
  auto const newest = last();
  std::vector<std::int64_t> over;
  auto& rows =
      db_.prepare("SELECT id, status, created_at FROM approvals WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3")
          .bind(walk.after, newest - kNewest, kBatch);
  walk.done = true;
  while (rows.step()) {
    walk.after = rows.integer(0);
    walk.done = from_millis(rows.integer(2)) >= kept.oldest && walk.after > newest - kept.most;
    if (walk.done) break;
    if (rows.text(1) != "pending") over.push_back(walk.after);
  }
  rows.reset();
  for (auto const id : over) db_.prepare("DELETE FROM approvals WHERE id = ?1").bind(id).run();
}

}  // namespace ar::daemon
