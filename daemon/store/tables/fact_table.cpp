#include "daemon/store/tables/fact_table.hpp"

namespace ar::daemon {

std::string FactTable::get(std::string const& name) const {
  auto& row = db_.prepare("SELECT value FROM facts WHERE name = ?1").bind(name);
  auto value = row.step() ? row.text(0) : std::string();
  row.reset();
  return value;
}

void FactTable::put(std::string const& name, std::string const& value) {
  db_.prepare("INSERT OR REPLACE INTO facts(name, value) VALUES(?1, ?2)").bind(name, value).run();
}

void FactTable::erase(std::string const& name) { db_.prepare("DELETE FROM facts WHERE name = ?1").bind(name).run(); }

std::vector<std::pair<std::string, std::string>> FactTable::with_prefix(std::string const& prefix) const {
  std::vector<std::pair<std::string, std::string>> found;
  auto& rows = db_.prepare("SELECT name, value FROM facts WHERE name LIKE ?1 || '%'").bind(prefix);
  while (rows.step()) found.emplace_back(rows.text(0).substr(prefix.size()), rows.text(1));
  return found;
}

void FactTable::erase_of_agents(std::string const& prefix) {
  db_.prepare("DELETE FROM facts WHERE name IN (SELECT ?1 || id FROM agents)").bind(prefix).run();
}

}  // namespace ar::daemon
