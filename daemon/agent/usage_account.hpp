// What an agent has used, as it is kept: how much of each record has been counted, so that nothing is counted twice.
#pragma once
#include "adapters/usage.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// {inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, source}
json to_json(adapters::Usage const& usage, std::string const& source);

class UsageAccount {
 public:
  /// A turn that is over, and is to be measured.
  struct Uncounted {
    std::int64_t turn = 0;
    std::string record{};  ///< the conversation that it was in
  };

  // Tokens. A record grows; what is new in it is counted.
  bool has_met(std::string const& record) const;
  /// What it holds already is another's, or was used before anybody counted.
  void meet(std::string const& record, adapters::Usage const& total);
  /// What has been added to it since it was counted last.
  adapters::Usage count(std::string const& record, adapters::Usage const& total, std::string const& source);
  std::deque<Uncounted>& uncounted() { return uncounted_; }
  std::deque<Uncounted> const& uncounted() const { return uncounted_; }

  // Cost: a process says what it has come to. A figure that falls is a new beginning.
  /// True: of a process that had not said anything yet.
  bool cost_is(std::string const& process, double usd);
  bool says_cost(std::string const& process) const { return process == process_; }
  bool has_new_cost() const { return cost_ > counted_cost_; }
  double new_cost() const { return cost_ - counted_cost_; }
  /// Counts what is new for this turn: what the turn has come to. Nothing: nobody says.
  std::optional<double> count_cost(std::int64_t turn);

  /// Of all turns; null: nobody has said.
  json shown() const { return used_ ? to_json(*used_, source_) : json(nullptr); }
  json shown_cost() const { return used_cost_ ? json(*used_cost_) : json(nullptr); }

  json stored() const;
  static UsageAccount from_stored(json const& stored);

 private:
  struct Counted {
    std::string record;
    adapters::Usage total{};
  };
  Counted* find(std::string const& record);

  std::vector<Counted> counted_{};  ///< the records that it met last, the newest at the end
  std::deque<Uncounted> uncounted_{};
  std::optional<adapters::Usage> used_{};
  std::string source_{};

  std::string process_{};               ///< that said what it costs
  double cost_ = 0, counted_cost_ = 0;  ///< said by that process; of it, counted
  std::optional<double> used_cost_{};
  std::int64_t last_turn_ = 0;  ///< that something was counted for, and how much
  double last_turn_cost_ = 0;
};

}  // namespace ar::daemon
