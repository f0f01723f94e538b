#pragma once
#include "base/json.hpp"
#include "daemon/store/tables/table.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace ar::daemon {

/// What was used, by day, agent and account: sums, to which the transaction adds that writes a turn's usage down. Of
/// agents that are gone the day and the account stay.
class UsageTable {
 public:
  struct Used {
    std::int64_t turns = 0, input = 0, output = 0, cache_read = 0, cache_write = 0;
    std::optional<double> usd{};  ///< nothing: nobody says
  };

  explicit UsageTable(Database& db) : db_(db) {}
  void add(std::string const& day, std::string const& agent, std::string const& account, Used const& used);
  /// `by`: agent, day or account; `since`: the first day, empty: all. Rows {agent|day|account, turns, inputTokens,
  /// outputTokens, cacheReadTokens, cacheWriteTokens, costUsd}, in order; null: of agents that are gone, of no account.
  json sums(std::string const& by, std::string const& since) const;
  void agent_gone(std::string const& agent);
  /// The days before that one.
  void prune(Walk& walk, std::string const& first_day);

 private:
  Database& db_;
};

}  // namespace ar::daemon
