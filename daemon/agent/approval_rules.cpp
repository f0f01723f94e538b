#include "daemon/agent/approval_rules.hpp"

#include "base/read_json.hpp"
#include "daemon/store/tables/agent_table.hpp"
#include "daemon/store/tables/approval_rule_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>

namespace ar::daemon {
namespace {

std::optional<ApprovalRule> read_rule(ApprovalRuleTable::Row const& row) {
  auto const body = parse_object(row.record);
  auto rule = body ? read_approval_rule(*body) : Result<ApprovalRule>(body.error());
  if (!rule) {
    spdlog::error("approval rule {} is damaged, and decides nothing: {}", row.id, rule.error().message);
    return std::nullopt;
  }
  rule->id = std::to_string(row.id);
  rule->created_at = row.created_at;
  rule->approval = row.approval;
  return std::move(*rule);
}

/// Of one that was added, by its id.
std::int64_t row_number(std::string const& id) {
  std::int64_t number = 0;
  (void)std::from_chars(id.data(), id.data() + id.size(), number);
  return number;
}

/// Without what the row has columns for.
std::string record_of(ApprovalRule const& rule) {
  auto record = to_json(rule);
  for (auto const* name : {"id", "createdAt", "approval"}) record.erase(name);
  return to_text(record);
}

}  // namespace

awaitable<Result<void>> ApprovalRules::load() {
  auto query = [](Database& db) -> Result<std::vector<ApprovalRuleTable::Row>> { return ApprovalRuleTable(db).all(); };
  auto const rows = co_await journal_.read(std::move(query));
  if (!rows) co_return rows.error();
  for (auto const& row : *rows) {
    auto rule = read_rule(row);
    if (!rule) continue;
    if (row.uses > 0) uses_[rule->id] = {row.uses, row.last_used_at};
    added_.push_back(std::move(*rule));
  }
  co_return Result<void>();
}

std::vector<ApprovalRule> ApprovalRules::in_force() const {
  auto rules = config_.approval_rules;
  rules.insert(rules.end(), added_.begin(), added_.end());
  std::erase_if(rules, [now = wall_now()](ApprovalRule const& rule) { return rule.is_over(now); });
  return rules;
}

RuleVerdict ApprovalRules::verdict(Asker const& asker, ApprovalSubject const& subject) const {
  return verdict_of(in_force(), asker, subject);
}

RuleVerdict ApprovalRules::decide(Asker const& asker, ApprovalSubject const& subject) {
  auto decided = verdict(asker, subject);
  for (auto const& id : decided.rules) count(id);
  return decided;
}

/// A use that a crash forgets is no loss.
void ApprovalRules::count(std::string const& id) {
  auto& use = uses_[id];
  use = {use.count + 1, wall_now()};
  if (id.starts_with("config:")) return;
  journal_.write([number = row_number(id), now = use.last](Database& db) { ApprovalRuleTable(db).used(number, now); });
}

json ApprovalRules::shown(ApprovalRule const& rule) const {
  auto document = to_json(rule);
  auto const use = uses_.find(rule.id);
  document["uses"] = use == uses_.end() ? 0 : use->second.count;
  if (use != uses_.end()) document["lastUsedAt"] = to_iso8601(use->second.last);
  document["inForce"] = !rule.is_over(wall_now());
  return document;
}

json ApprovalRules::all() const {
  json list = json::array();
  for (auto const* rules : {&config_.approval_rules, &added_})
    for (auto const& rule : *rules) list.push_back(shown(rule));
  return {{"rules", std::move(list)}};
}

bool ApprovalRules::has_rule_of(std::int64_t approval) const {
  return std::ranges::find(added_, approval, &ApprovalRule::approval) != added_.end();
}

awaitable<Result<json>> ApprovalRules::add(ApprovalRule rule) {
  auto const lock = co_await changing_.lock();
  if (rule.approval != 0 && has_rule_of(rule.approval))
    co_return conflict("already_decided", "approval " + std::to_string(rule.approval) + " has its rule already");
  rule.created_at = wall_now();
  std::set<std::string> over;
  for (auto const& known : added_)
    if (known.is_over(rule.created_at)) over.insert(known.id);
  if (added_.size() - over.size() >= kMost)
    co_return Error{ErrorKind::too_large, "quota",
                    std::to_string(kMost) +
                        " approval rules were added, the most there may be; remove one that is no longer needed "
                        "(agent-runner approvals rules list), or write it into the configuration"};
  ApprovalRuleTable::Row row{0, rule.agent, rule.created_at, rule.approval, 0, {}, record_of(rule)};
  auto const gone = [&] { return not_found("no_such_agent", "there is no agent \"" + rule.agent + "\" any more"); };
  adding_ = rule.agent;
  auto job = [row = std::move(row), over](Database& db) -> Result<std::int64_t> {
    Transaction transaction(db);
    // A later agent of that name, which an agent may have chosen, must not find it.
    if (!row.agent.empty() && !AgentTable(db).contains(row.agent)) return std::int64_t{0};
    ApprovalRuleTable table(db);
    for (auto const& id : over) table.erase(row_number(id));
    auto const id = table.add(row);
    transaction.commit();
    return id;
  };
  auto const id = co_await journal_.run(std::move(job));
  if (!id) co_return id.error();
  if (*id == 0 || adding_ != rule.agent) co_return gone();
  std::erase_if(added_, [&](ApprovalRule const& known) { return over.contains(known.id); });
  for (auto const& ended : over) uses_.erase(ended);
  rule.id = std::to_string(*id);
  added_.push_back(rule);
  events_.append("", "approval_rule.added", to_json(rule));
  spdlog::info("approval rule {} was added: {}", rule.id, to_string(rule));
  co_return ok(shown(rule));
}

awaitable<Result<void>> ApprovalRules::remove(std::string id) {
  auto const lock = co_await changing_.lock();
  auto const find = [&] { return std::ranges::find(added_, id, &ApprovalRule::id); };
  if (find() == added_.end())
    co_return not_found("no_such_rule", "there is no approval rule \"" + id +
                                            "\" that was added; `agent-runner approvals rules list` shows them (those "
                                            "of the configuration are changed there)");
  // In force until it is gone from the disk: a denial must not be missing for a moment and be back after a crash.
  auto job = [number = row_number(id)](Database& db) -> Result<bool> {
    Transaction transaction(db);
    ApprovalRuleTable(db).erase(number);
    transaction.commit();
    return true;
  };
  auto const removed = co_await journal_.run(std::move(job));
  if (!removed) co_return removed.error();
  if (auto const rule = find(); rule != added_.end()) added_.erase(rule);
  uses_.erase(id);
  events_.append("", "approval_rule.removed", {{"id", id}});
  co_return Result<void>();
}

void ApprovalRules::forget(std::string const& agent) {
  if (adding_ == agent) adding_.clear();
  std::erase_if(added_, [&](ApprovalRule const& rule) {
    if (rule.agent != agent) return false;
    uses_.erase(rule.id);
    return true;
  });
}

}  // namespace ar::daemon
