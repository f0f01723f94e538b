#include "daemon/store/tables/agent_table.hpp"

#include "daemon/store/tables/approval_rule_table.hpp"
#include "daemon/store/tables/approval_table.hpp"
#include "daemon/store/tables/delivery_table.hpp"
#include "daemon/store/tables/kept_answer_table.hpp"
#include "daemon/store/tables/memory_table.hpp"
#include "daemon/store/tables/output_table.hpp"
#include "daemon/store/tables/owed_word_table.hpp"
#include "daemon/store/tables/receiver_table.hpp"
#include "daemon/store/tables/schedule_table.hpp"
#include "daemon/store/tables/skill_table.hpp"
#include "daemon/store/tables/spawn_key_table.hpp"
#include "daemon/store/tables/turn_table.hpp"
#include "daemon/store/tables/usage_table.hpp"

namespace ar::daemon {

std::vector<AgentTable::Row> AgentTable::all() const {
  std::vector<Row> found;
  auto& rows = db_.prepare("SELECT id, spec, state, record FROM agents ORDER BY id").bind();
  while (rows.step()) found.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3)});
  return found;
}

std::vector<std::string> AgentTable::ids() const {
  std::vector<std::string> found;
  auto& rows = db_.prepare("SELECT id FROM agents").bind();
  while (rows.step()) found.push_back(rows.text(0));
  return found;
}

bool AgentTable::contains(std::string const& id) const {
  return integer_of(db_, "SELECT count(*) FROM agents WHERE id = ?1", id) > 0;
}

std::optional<AgentTable::Row> AgentTable::find(std::string const& id) const {
  auto& row = db_.prepare("SELECT id, spec, state, record FROM agents WHERE id = ?1").bind(id);
  std::optional<Row> found;
  if (row.step()) found = Row{row.text(0), row.text(1), row.text(2), row.text(3)};
  row.reset();
  return found;
}

void AgentTable::put(Row const& row) {
  db_.prepare(
         "INSERT INTO agents(id, spec, state, record) VALUES(?1, ?2, ?3, ?4) "
         "ON CONFLICT(id) DO UPDATE SET state = ?3, record = ?4")
      .bind(row.id, row.spec, row.state, row.record)
      .run();
}

void AgentTable::erase(std::string const& id) {
  DeliveryTable(db_).erase_agent(id);
  TurnTable(db_).erase_agent(id);
  OwedWordTable(db_).erase_agent(id);
  ApprovalTable(db_).erase_agent(id);
  ApprovalRuleTable(db_).erase_agent(id);
  auto const now = wall_now();
  SpawnKeyTable(db_).agent_gone(id, now);
  SpawnKeyTable(db_).erase_owner(id);
  KeptAnswerTable(db_).erase_owner("agent " + id);
  KeptAnswerTable(db_).gone("/v1/agents/" + id, now);
  KeptAnswerTable(db_).gone("/v1/sessions/" + id, now);
  MemoryTable(db_).erase_agent(id);
  ReceiverTable(db_).erase_agent(id);
  OutputTable(db_).erase_agent(id);
  SkillTable(db_).unpin(id);
  ScheduleTable(db_).erase_owner(id);
  UsageTable(db_).agent_gone(id);
  db_.prepare("DELETE FROM agents WHERE id = ?1").bind(id).run();
}

}  // namespace ar::daemon
