#include "daemon/store/tables/spawn_key_table.hpp"

namespace ar::daemon {

std::optional<SpawnKeyTable::Use> SpawnKeyTable::find(std::string const& key) const {
  auto& row = db_.prepare("SELECT body_hash, agent, over_at FROM spawn_keys WHERE key = ?1").bind(key);
  std::optional<Use> use;
  if (row.step()) use = Use{row.text(0), row.text(1), row.integer(2) > 0};
  row.reset();
  return use;
}

void SpawnKeyTable::put(std::string const& key, Use const& use) {
  db_.prepare("INSERT OR REPLACE INTO spawn_keys(key, body_hash, agent) VALUES(?1, ?2, ?3)")
      .bind(key, use.body_hash, use.agent)
      .run();
}

void SpawnKeyTable::agent_gone(std::string const& agent, WallTime now) {
  db_.prepare("UPDATE spawn_keys SET over_at = ?2 WHERE agent = ?1 AND over_at = 0").bind(agent, to_millis(now)).run();
}

void SpawnKeyTable::forget_agent(std::string const& agent) {
  db_.prepare("DELETE FROM spawn_keys WHERE agent = ?1").bind(agent).run();
}

void SpawnKeyTable::erase_owner(std::string const& agent) {
  db_.prepare("DELETE FROM spawn_keys WHERE substr(key, 1, length(?1) + 1) = ?1 || ' '").bind(agent).run();
}

void SpawnKeyTable::prune(Walk& walk, WallTime oldest) {
  db_.prepare(
         "DELETE FROM spawn_keys WHERE key IN (SELECT key FROM spawn_keys WHERE over_at > 0 AND over_at < ?1 LIMIT ?2)")
      .bind(to_millis(oldest), kBatch)
      .run();
  walk.done = db_.changes() < kBatch;
}

}  // namespace ar::daemon
