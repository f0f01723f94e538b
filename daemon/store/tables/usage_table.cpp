#include "daemon/store/tables/usage_table.hpp"

namespace ar::daemon {

void UsageTable::add(std::string const& day, std::string const& agent, std::string const& account, Used const& used) {
  // A cost that nobody says adds nothing, and does not hide one that somebody has said.
  db_.prepare(
         "INSERT INTO usage(day, agent, account, turns, input, output, cache_read, cache_write, usd) "
         "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT(day, agent, account) DO UPDATE SET "
         "turns = turns + ?4, input = input + ?5, output = output + ?6, cache_read = cache_read + ?7, "
         "cache_write = cache_write + ?8, usd = CASE WHEN ?9 IS NULL THEN usd ELSE coalesce(usd, 0) + ?9 END")
      .bind(day, agent, account, used.turns, used.input, used.output, used.cache_read, used.cache_write, used.usd)
      .run();
}

json UsageTable::sums(std::string const& by, std::string const& since) const {
  bool const by_day = by == "day", by_account = by == "account";
  char const* const column = by_day ? "day" : by_account ? "account" : "agent";
  auto& rows = db_.prepare(by_day       ? "SELECT day, sum(turns), sum(input), sum(output), sum(cache_read), "
                                          "sum(cache_write), sum(usd) FROM usage WHERE day >= ?1 GROUP BY day ORDER BY 1"
                           : by_account ? "SELECT account, sum(turns), sum(input), sum(output), sum(cache_read), "
                                          "sum(cache_write), sum(usd) FROM usage WHERE day >= ?1 GROUP BY account "
                                          "ORDER BY 1"
                                        : "SELECT agent, sum(turns), sum(input), sum(output), sum(cache_read), "
                                          "sum(cache_write), sum(usd) FROM usage WHERE day >= ?1 GROUP BY agent "
                                          "ORDER BY 1")
                   .bind(since);
  json found = json::array();
  while (rows.step())
    found.push_back({{column, rows.text(0).empty() ? json(nullptr) : json(rows.text(0))},
                     {"turns", rows.integer(1)},
                     {"inputTokens", rows.integer(2)},
                     {"outputTokens", rows.integer(3)},
                     {"cacheReadTokens", rows.integer(4)},
                     {"cacheWriteTokens", rows.integer(5)},
                     {"costUsd", rows.is_null(6) ? json(nullptr) : json(rows.real(6))}});
  return found;
}

void UsageTable::agent_gone(std::string const& agent) {
  db_.prepare(
         "INSERT INTO usage(day, agent, account, turns, input, output, cache_read, cache_write, usd) "
         "SELECT day, '', account, turns, input, output, cache_read, cache_write, usd FROM usage WHERE agent = ?1 "
         "ON CONFLICT(day, agent, account) DO UPDATE SET turns = turns + excluded.turns, "
         "input = input + excluded.input, output = output + excluded.output, "
         "cache_read = cache_read + excluded.cache_read, cache_write = cache_write + excluded.cache_write, "
         "usd = CASE WHEN excluded.usd IS NULL THEN usd ELSE coalesce(usd, 0) + excluded.usd END")
      .bind(agent)
      .run();
  db_.prepare("DELETE FROM usage WHERE agent = ?1").bind(agent).run();
}

void UsageTable::prune(Walk& walk, std::string const& first_day) {
  db_.prepare("DELETE FROM usage WHERE rowid IN (SELECT rowid FROM usage WHERE day < ?1 LIMIT ?2)")
      .bind(first_day, kBatch)
      .run();
  walk.done = db_.changes() < kBatch;
}

}  // namespace ar::daemon
