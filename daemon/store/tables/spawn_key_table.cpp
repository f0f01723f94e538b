#include "daemon/store/tables/spawn_key_table.hpp"

namespace ar::daemon {

std::optional<SpawnKeyTable::Use> SpawnKeyTable::find(std::string const& key) const {
  auto& row = db_.prepare("SELECT body_hash, agent FROM spawn_keys WHERE key = ?1").bind(key);
  std::optional<Use> use;
  if (row.step()) use = Use{row.text(0), row.text(1)};
  row.reset();
  return use;
}

void SpawnKeyTable::put(std::string const& key, Use const& use) {
  db_.prepare("INSERT OR REPLACE INTO spawn_keys(key, body_hash, agent) VALUES(?1, ?2, ?3)")
      .bind(key, use.body_hash, use.agent)
      .run();
}

void SpawnKeyTable::erase_agent(std::string const& agent) {
  db_.prepare("DELETE FROM spawn_keys WHERE agent = ?1").bind(agent).run();
}

}  // namespace ar::daemon
