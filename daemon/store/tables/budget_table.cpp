#include "daemon/store/tables/budget_table.hpp"

namespace ar::daemon {

std::vector<std::pair<std::string, std::string>> BudgetTable::all() const {
  std::vector<std::pair<std::string, std::string>> found;
  auto& rows = db_.prepare("SELECT name, record FROM budgets ORDER BY name").bind();
  while (rows.step()) found.emplace_back(rows.text(0), rows.text(1));
  return found;
}

void BudgetTable::put(std::string const& name, std::string const& record) {
  db_.prepare(
         "INSERT INTO budgets(name, record) VALUES(?1, ?2) "
         "ON CONFLICT(name) DO UPDATE SET record = ?2")
      .bind(name, record)
      .run();
}

void BudgetTable::erase(std::string const& name) {
  db_.prepare("DELETE FROM budgets WHERE name = ?1").bind(name).run();
}

}  // namespace ar::daemon
