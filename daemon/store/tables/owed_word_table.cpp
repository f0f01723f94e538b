#include "daemon/store/tables/owed_word_table.hpp"

namespace ar::daemon {

std::vector<OwedWordTable::Row> OwedWordTable::of(std::string const& agent) const {
  std::vector<Row> found;
  auto& rows = db_.prepare("SELECT key, word FROM words_owed WHERE agent = ?1").bind(agent);
  while (rows.step()) found.push_back({rows.text(0), rows.text(1)});
  return found;
}

void OwedWordTable::put(std::string const& agent, Row const& row) {
  db_.prepare("INSERT OR REPLACE INTO words_owed(agent, key, word) VALUES(?1, ?2, ?3)")
      .bind(agent, row.key, row.word)
      .run();
}

void OwedWordTable::erase(std::string const& agent, std::string const& key) {
  db_.prepare("DELETE FROM words_owed WHERE agent = ?1 AND key = ?2").bind(agent, key).run();
}

void OwedWordTable::erase_agent(std::string const& agent) {
  db_.prepare("DELETE FROM words_owed WHERE agent = ?1").bind(agent).run();
}

}  // namespace ar::daemon
