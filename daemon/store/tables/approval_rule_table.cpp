#include "daemon/store/tables/approval_rule_table.hpp"

namespace ar::daemon {

std::vector<ApprovalRuleTable::Row> ApprovalRuleTable::all() const {
  std::vector<Row> found;
  auto& rows =
      db_.prepare("SELECT id, agent, created_at, approval, uses, last_used_at, record FROM approval_rules ORDER BY id")
          .bind();
  while (rows.step())
    found.push_back({rows.integer(0), rows.text(1), from_millis(rows.integer(2)), rows.integer(3), rows.integer(4),
                     from_millis(rows.integer(5)), rows.text(6)});
  return found;
}

std::int64_t ApprovalRuleTable::add(Row const& row) {
  db_.prepare("INSERT INTO approval_rules(agent, created_at, approval, record) VALUES(?1, ?2, ?3, ?4)")
      .bind(row.agent, to_millis(row.created_at), row.approval, row.record)
      .run();
  return db_.last_insert_id();
}

void ApprovalRuleTable::used(std::int64_t id, WallTime at) {
  db_.prepare("UPDATE approval_rules SET uses = uses + 1, last_used_at = ?2 WHERE id = ?1")
      .bind(id, to_millis(at))
      .run();
}

void ApprovalRuleTable::erase(std::int64_t id) {
  db_.prepare("DELETE FROM approval_rules WHERE id = ?1").bind(id).run();
}

void ApprovalRuleTable::erase_agent(std::string const& agent) {
  if (!agent.empty()) db_.prepare("DELETE FROM approval_rules WHERE agent = ?1").bind(agent).run();
}

}  // namespace ar::daemon
