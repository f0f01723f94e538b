#include "daemon/store/tables/account_table.hpp"

namespace ar::daemon {

std::vector<std::pair<std::string, std::string>> AccountTable::all() const {
  std::vector<std::pair<std::string, std::string>> found;
  auto& rows = db_.prepare("SELECT account, record FROM account_holds ORDER BY account").bind();
  while (rows.step()) found.emplace_back(rows.text(0), rows.text(1));
  return found;
}

void AccountTable::put(std::string const& account, std::string const& record) {
  db_.prepare(
         "INSERT INTO account_holds(account, record) VALUES(?1, ?2) "
         "ON CONFLICT(account) DO UPDATE SET record = ?2")
      .bind(account, record)
      .run();
}

void AccountTable::erase(std::string const& account) {
  db_.prepare("DELETE FROM account_holds WHERE account = ?1").bind(account).run();
}

}  // namespace ar::daemon
