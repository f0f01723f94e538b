#include "daemon/agent/usage_account.hpp"

#include <algorithm>
#include <utility>

namespace ar::daemon {
using adapters::Usage;

namespace {

constexpr std::size_t kRecordsKept = 8;  ///< to which a person may go back

json to_numbers(Usage const& usage) { return {usage.input, usage.output, usage.cache_read, usage.cache_write}; }

Usage usage_from(json const& numbers) {
  auto const at = [&](std::size_t i) {
    return numbers.is_array() && i < numbers.size() ? numbers[i].get<std::int64_t>() : std::int64_t{0};
  };
  return {at(0), at(1), at(2), at(3)};
}

}  // namespace

json to_json(Usage const& usage, std::string const& source) {
  return {{"inputTokens", usage.input},
          {"outputTokens", usage.output},
          {"cacheReadTokens", usage.cache_read},
          {"cacheWriteTokens", usage.cache_write},
          {"source", source}};
}

UsageAccount::Counted* UsageAccount::find(std::string const& record) {
  auto const at = std::ranges::find(counted_, record, &Counted::record);
  return at == counted_.end() ? nullptr : &*at;
}

bool UsageAccount::has_met(std::string const& record) const {
  return std::ranges::find(counted_, record, &Counted::record) != counted_.end();
}

void UsageAccount::meet(std::string const& record, Usage const& total) {
  if (has_met(record)) return;
  if (counted_.size() == kRecordsKept) counted_.erase(counted_.begin());
  counted_.push_back({record, total});
}

Usage UsageAccount::count(std::string const& record, Usage const& total, std::string const& source) {
  auto* const counted = find(record);
  if (!counted) return {};
  auto fresh = total;
  fresh -= std::exchange(counted->total, total);
  if (!used_) used_.emplace();
  *used_ += fresh;
  source_ = source;
  return fresh;
}

bool UsageAccount::cost_is(std::string const& process, double usd) {
  bool const is_new = process != process_;
  cost_ = usd;
  // A process that goes on with a conversation may begin with what that has cost before.
  if (is_new || usd < counted_cost_) counted_cost_ = usd;
  process_ = process;
  return is_new;
}

std::optional<double> UsageAccount::count_cost(std::int64_t turn) {
  if (process_.empty()) return std::nullopt;
  auto const fresh = cost_ - std::exchange(counted_cost_, cost_);
  used_cost_ = used_cost_.value_or(0) + fresh;
  if (std::exchange(last_turn_, turn) != turn) last_turn_cost_ = 0;
  last_turn_cost_ += fresh;
  return last_turn_cost_;
}

json UsageAccount::stored() const {
  json stored = {{"counted", json::array()}, {"uncounted", json::array()}};
  for (auto const& one : counted_)
    stored["counted"].push_back({{"record", one.record}, {"total", to_numbers(one.total)}});
  for (auto const& one : uncounted_) stored["uncounted"].push_back({{"turn", one.turn}, {"record", one.record}});
  if (used_) stored["used"] = to_numbers(*used_);
  if (!source_.empty()) stored["source"] = source_;
  if (process_.empty()) return stored;
  stored["cost"] = {
      {"process", process_}, {"counted", counted_cost_}, {"turn", last_turn_}, {"ofTurn", last_turn_cost_}};
  if (used_cost_) stored["cost"]["used"] = *used_cost_;
  return stored;
}

UsageAccount UsageAccount::from_stored(json const& stored) {
  UsageAccount account;
  if (!stored.is_object()) return account;
  for (auto const& one : stored.value("counted", json::array()))
    account.counted_.push_back({one.value("record", ""), usage_from(one.value("total", json()))});
  for (auto const& one : stored.value("uncounted", json::array()))
    account.uncounted_.push_back({one.value("turn", std::int64_t{0}), one.value("record", "")});
  if (stored.contains("used")) account.used_ = usage_from(stored["used"]);
  account.source_ = stored.value("source", "");
  if (!stored.contains("cost")) return account;
  auto const& cost = stored["cost"];
  account.process_ = cost.value("process", "");
  account.cost_ = account.counted_cost_ = cost.value("counted", 0.0);
  account.last_turn_ = cost.value("turn", std::int64_t{0});
  account.last_turn_cost_ = cost.value("ofTurn", 0.0);
  if (cost.contains("used")) account.used_cost_ = cost["used"].get<double>();
  return account;
}

}  // namespace ar::daemon
