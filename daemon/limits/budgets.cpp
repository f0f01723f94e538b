#include "daemon/limits/budgets.hpp"

#include "daemon/limits/local_day.hpp"
#include "daemon/store/tables/budget_table.hpp"
#include "daemon/store/tables/usage_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr double kWarnAt = 0.8;
constexpr double kGrain = 1e-9;                  ///< sums of fractions are not exact
constexpr Clock::duration kLongestSleep = 5min;  ///< a longer one would not notice that the clock was set

Error no_such_budget(std::string const& name) {
  return not_found("no_such_budget", "there is no budget \"" + name + "\"; `agent-runner budgets` lists them");
}

/// Tokens that a cache has answered cost a fraction, and are most of them: they are not counted.
double tokens_in(adapters::Usage const& usage) {
  return static_cast<double>(usage.input + usage.output + usage.cache_write);
}

char const* field_of(Budget::Unit unit) { return unit == Budget::Unit::usd ? "usd" : "tokens"; }

json number_in(double amount, Budget::Unit unit) {
  return unit == Budget::Unit::usd ? json(amount) : json(static_cast<std::int64_t>(amount));
}

}  // namespace

bool Budgets::Entry::is_used_up() const { return used + kGrain >= limit(); }

Budgets::Budgets(Executor executor, Journal& journal, EventLog& events)
    : journal_(journal), events_(events), changed_(executor), tasks_(executor, "budgets") {
  (void)local_day(wall_now());  // reads the zone
}

awaitable<Result<void>> Budgets::load(std::vector<Budget> budgets) {
  using Rows = std::vector<std::pair<std::string, std::string>>;
  auto query = [](Database& db) -> Result<Rows> { return BudgetTable(db).all(); };
  auto const rows = co_await journal_.read(std::move(query));
  if (!rows) co_return rows.error();
  for (auto const& [name, record] : *rows) {
    auto const stored = parse_object(record);
    Budget known;
    known.name = name;
    if (!stored) spdlog::warn("what is used of budget {} is damaged in the journal; it begins anew", name);
    entries_.push_back(from_stored(known, stored ? *stored : json::object()));
  }
  set(std::move(budgets));
  co_return Result<void>();
}

void Budgets::start(People people, TaskGroup::OnDeath on_death) {
  people_ = std::move(people);
  for (auto const& key : std::exchange(to_withdraw_, {})) people_.withdraw(key);
  for (auto& entry : entries_) {
    if (!entry.reached_at || entry.is_stopped) continue;
    // One that is open is asked again under its key. Else the turns once more may have died with the daemon.
    if (!entry.is_asking) ++entry.asked;
    entry.is_asking = true;
    save(entry);
    ask(entry);
  }
  tasks_.spawn_vital("days", run(), std::move(on_death));
}

awaitable<void> Budgets::run() {
  for (;;) {
    for (auto& entry : entries_) roll(entry);
    auto const left = std::max<milliseconds>(local_day_end(wall_now()) - wall_now(), 1ms);
    co_await changed_.wait(Clock::now() + std::min<Clock::duration>(left, kLongestSleep));
  }
}

/// A budget that is new, or is of another unit or period, begins at 0.
void Budgets::set(std::vector<Budget> budgets) {
  auto before = std::exchange(entries_, {});
  for (auto& budget : budgets) {
    auto const known = std::ranges::find(before, budget.name, [](Entry const& entry) { return entry.budget.name; });
    if (known == before.end()) {
      Entry fresh;
      fresh.budget = std::move(budget);
      fresh.period = period_of(fresh.budget);
      entries_.push_back(std::move(fresh));
      continue;
    }
    Entry entry = std::move(*known);
    before.erase(known);
    bool const same = entry.budget.unit == budget.unit && entry.budget.daily == budget.daily;
    entry.budget = std::move(budget);
    if (!same) entry.period.clear();
    entries_.push_back(std::move(entry));
  }
  for (auto& gone : before) {
    free(gone, "it is not in the configuration any more");
    journal_.write([name = gone.budget.name](Database& db) { BudgetTable(db).erase(name); });
  }
  for (auto& entry : entries_) {
    roll(entry);
    weigh(entry, "the configuration was changed");
    save(entry);
  }
  for (auto const& [agent, member] : members_) member.who->budget_changed();  // whom they meet may be others now
  changed_.notify_all();
}

// ---- agents ----

std::shared_ptr<void> Budgets::join(std::string const& agent, std::vector<std::string> tags, BudgetMember& member) {
  members_[agent] = {std::move(tags), &member};
  auto leave = [this, agent, who = &member](void*) {
    auto const it = members_.find(agent);
    if (it != members_.end() && it->second.who == who) members_.erase(it);
  };
  return {static_cast<void*>(this), std::move(leave)};
}

bool Budgets::meets(Budget const& budget, std::string const& agent, Member const& member) const {
  if (!budget.agent.empty()) return budget.agent == agent;
  if (!budget.tag.empty()) return std::ranges::find(member.tags, budget.tag) != member.tags.end();
  return budget.account.empty() || budget.account == member.who->account();
}

bool Budgets::meets(std::string const& agent) const {
  auto const it = members_.find(agent);
  return it != members_.end() &&
         std::ranges::any_of(entries_, [&](Entry const& entry) { return meets(entry.budget, agent, it->second); });
}

Budgets::Entry const* Budgets::holder_of(std::string const& agent) const {
  auto const it = members_.find(agent);
  if (it == members_.end()) return nullptr;
  auto const found = std::ranges::find_if(
      entries_, [&](Entry const& entry) { return entry.holds(agent) && meets(entry.budget, agent, it->second); });
  return found == entries_.end() ? nullptr : &*found;
}

std::string Budgets::why_held(std::string const& agent) const {
  auto const* const entry = holder_of(agent);
  return entry ? why(*entry) : std::string();
}

json Budgets::hold_of(std::string const& agent) const {
  auto const* const entry = holder_of(agent);
  if (!entry) return nullptr;
  auto const until = entry->budget.daily ? json(to_iso8601(local_day_end(wall_now()))) : json(nullptr);
  return {{"kind", "budget"},
          {"error", why(*entry)},
          {"since", to_iso8601(*entry->reached_at)},
          {"until", until},
          {"resetsAt", until}};
}

void Budgets::book(std::string const& agent, std::int64_t turn, std::optional<adapters::Usage> const& usage,
                   std::optional<double> usd) {
  auto const it = members_.find(agent);
  auto const account = it == members_.end() ? std::string() : it->second.who->account();
  UsageTable::Used used;
  if (usage) used = {1, usage->input, usage->output, usage->cache_read, usage->cache_write, {}};
  used.usd = usd;
  if (usage || usd)
    journal_.write([day = local_day(wall_now()), agent, account, used](Database& db) {
      UsageTable(db).add(day, agent, account, used);
    });
  if (it == members_.end()) return;
  for (auto& entry : entries_) {
    if (!meets(entry.budget, agent, it->second)) continue;
    roll(entry);
    entry.used += entry.budget.unit == Budget::Unit::usd ? usd.value_or(0) : usage ? tokens_in(*usage) : 0;
    auto const allowed = entry.once_more.find(agent);
    bool const took_it = allowed != entry.once_more.end() && turn > allowed->second;
    if (took_it) entry.once_more.erase(allowed);
    weigh(entry, "");
    // The first of those that have had their turn: what now?
    if (took_it && entry.reached_at && !entry.is_asking && !entry.is_stopped) ask(entry);
    if (took_it) it->second.who->budget_changed();
    save(entry);
  }
}

// ---- their states ----

std::string Budgets::period_of(Budget const& budget) { return budget.daily ? local_day(wall_now()) : "total"; }

/// A new period begins with nothing used, and nothing said about it.
void Budgets::roll(Entry& entry) {
  auto period = period_of(entry.budget);
  if (entry.period == period) return;
  free(entry, "a new day has begun");
  entry.period = std::move(period);
  entry.used = entry.raised = 0;
  entry.warned = false;
  save(entry);
}

/// What follows from what is used by now. `cause`: why there may be more room than before.
void Budgets::weigh(Entry& entry, std::string const& cause) {
  if (!entry.warned && entry.used + kGrain >= kWarnAt * entry.limit()) {
    entry.warned = true;
    events_.append("", "budget.warning", figures(entry));
  }
  if (entry.is_used_up() && !entry.reached_at) {
    entry.reached_at = wall_now();
    events_.append("", "budget.reached", figures(entry));
    spdlog::warn("{}", used_text(entry));
    ask(entry);
    tell_members(entry);
  } else if (!entry.is_used_up()) {
    free(entry, cause);
  }
}

void Budgets::ask(Entry& entry) {
  if (!std::exchange(entry.is_asking, true)) ++entry.asked;
  if (!people_.ask) return;  // start() does
  people_.ask({entry.key(), entry.budget.name,
               used_text(entry) + ". raise: by " + amount_text(entry.budget.amount, entry.budget.unit) +
                   " more (another amount: agent-runner budgets raise " + entry.budget.name +
                   "); once more: one more turn for each of its agents; stop: they stay held" +
                   (entry.budget.daily ? " until the day is over" : "")});
}

void Budgets::close_question(Entry& entry) {
  bool const was_open = std::exchange(entry.is_asking, false);
  if (was_open && people_.withdraw)
    people_.withdraw(entry.key());
  else if (was_open)
    to_withdraw_.push_back(entry.key());
}

void Budgets::free(Entry& entry, std::string const& cause) {
  if (!entry.reached_at) return;
  entry.reached_at.reset();
  entry.is_stopped = false;
  entry.once_more.clear();
  close_question(entry);
  auto data = figures(entry);
  data["reason"] = cause;
  events_.append("", "budget.freed", std::move(data));
  tell_members(entry);
}

void Budgets::tell_members(Entry const& entry) {
  for (auto const& [agent, member] : members_)
    if (meets(entry.budget, agent, member)) member.who->budget_changed();
}

void Budgets::save(Entry const& entry) {
  journal_.write(
      [name = entry.budget.name, record = to_text(stored(entry))](Database& db) { BudgetTable(db).put(name, record); });
}

json Budgets::stored(Entry const& entry) {
  return {{"unit", field_of(entry.budget.unit)},
          {"period", entry.period},
          {"used", entry.used},
          {"raised", entry.raised},
          {"warned", entry.warned},
          {"reachedAt", entry.reached_at ? json(to_millis(*entry.reached_at)) : json(nullptr)},
          {"asked", entry.asked},
          {"asking", entry.is_asking},
          {"stopped", entry.is_stopped},
          {"onceMore", entry.once_more}};
}

Budgets::Entry Budgets::from_stored(Budget budget, json const& stored) {
  Entry entry;
  entry.budget = std::move(budget);
  entry.budget.unit = stored.value("unit", "usd") == "tokens" ? Budget::Unit::tokens : Budget::Unit::usd;
  entry.period = stored.value("period", "");
  entry.budget.daily = entry.period != "total";
  entry.used = stored.value("used", 0.0);
  entry.raised = stored.value("raised", 0.0);
  entry.warned = stored.value("warned", false);
  if (auto const at = stored.find("reachedAt"); at != stored.end() && at->is_number_integer())
    entry.reached_at = from_millis(at->get<std::int64_t>());
  entry.asked = stored.value("asked", std::int64_t{0});
  entry.is_asking = stored.value("asking", false);
  entry.is_stopped = stored.value("stopped", false);
  entry.once_more = stored.value("onceMore", std::map<std::string, std::int64_t>());
  return entry;
}

// ---- people ----

void Budgets::answered(std::string const& key, std::string const& answer) {
  auto const it =
      std::ranges::find_if(entries_, [&](Entry const& entry) { return entry.is_asking && entry.key() == key; });
  if (it == entries_.end()) return;
  auto& entry = *it;
  if (answer == kRaise) {
    entry.is_asking = false;  // it has its answer: there is nothing to withdraw
    return raise(entry, entry.budget.amount);
  }
  if (answer == kOnceMore) {
    for (auto const& [agent, member] : members_)
      if (meets(entry.budget, agent, member)) entry.once_more[agent] = member.who->turns();
  } else if (answer == kStop) {
    entry.is_stopped = true;
  } else {
    return;
  }
  entry.is_asking = false;
  save(entry);
  tell_members(entry);
}

/// Where that is not enough, the question stays, or comes again.
void Budgets::raise(Entry& entry, double by) {
  entry.raised += by;
  auto data = figures(entry);
  data["by"] = number_in(by, entry.budget.unit);
  events_.append("", "budget.raised", std::move(data));
  entry.is_stopped = false;
  weigh(entry, "it was raised");
  if (entry.reached_at && !entry.is_asking) ask(entry);
  save(entry);
}

awaitable<Result<json>> Budgets::raise(std::string name, json body) {
  auto const find = [&] {
    return std::ranges::find(entries_, name, [](Entry const& entry) { return entry.budget.name; });
  };
  auto const it = find();
  if (it == entries_.end()) co_return no_such_budget(name);
  auto const unit = it->budget.unit;
  auto const* const mine = field_of(unit);
  auto const* const other = field_of(unit == Budget::Unit::usd ? Budget::Unit::tokens : Budget::Unit::usd);
  if (body.contains(other) && !body[other].is_null())
    co_return invalid(other, "budget " + name + " is in " + mine + ": give " + mine);
  double by = it->budget.amount;
  if (auto const given = body.find(mine); given != body.end() && !given->is_null()) {
    auto const most = unit == Budget::Unit::usd ? kMostUsd : kMostTokens;
    by = given->is_number() ? given->get<double>() : 0;
    if (!(by > 0 && by <= most)) co_return invalid(mine, std::string(mine) + " must be a number above 0");
  }
  if (it->raised + by > kMostTokens) co_return invalid(mine, "budget " + name + " would be too large to count");
  roll(*it);
  raise(*it, by);
  auto safe = co_await journal_.committed();
  if (!safe) co_return safe.error();
  auto const now = find();  // the configuration may have been read again meanwhile
  if (now == entries_.end()) co_return no_such_budget(name);
  co_return ok(shown(*now));
}

awaitable<Result<json>> Budgets::usage(std::string by, std::string since) {
  auto query = [by, since](Database& db) -> Result<json> { return ok(UsageTable(db).sums(by, since)); };
  auto rows = co_await journal_.read(std::move(query));
  if (!rows) co_return rows.error();
  co_return ok({{"by", by}, {"since", since.empty() ? json(nullptr) : json(since)}, {"usage", std::move(*rows)}});
}

std::string Budgets::used_text(Entry const& entry) const {
  return "budget " + entry.budget.name + ": " + amount_text(entry.used, entry.budget.unit) + " of " +
         amount_text(entry.limit(), entry.budget.unit) + " used" + (entry.budget.daily ? " today" : "");
}

std::string Budgets::why(Entry const& entry) const {
  return used_text(entry) + "; `agent-runner budgets raise " + entry.budget.name + "` lets its agents go on";
}

json Budgets::figures(Entry const& entry) const {
  return {{"budget", entry.budget.name},
          {"unit", field_of(entry.budget.unit)},
          {"used", number_in(entry.used, entry.budget.unit)},
          {"limit", number_in(entry.limit(), entry.budget.unit)},
          {"period", entry.period}};
}

json Budgets::list() const {
  json all = json::array();
  for (auto const& entry : entries_) all.push_back(shown(entry));
  return {{"budgets", std::move(all)}};
}

json Budgets::shown(Entry const& entry) const {
  auto const& budget = entry.budget;
  json agents = json::array(), held = json::array(), unseen = json::array();
  for (auto const& [agent, member] : members_) {
    if (!meets(budget, agent, member)) continue;
    agents.push_back(agent);
    if (entry.holds(agent)) held.push_back(agent);
    if (budget.unit == Budget::Unit::usd && member.who->hides_cost()) unseen.push_back(agent);
  }
  auto const state = !entry.reached_at ? (entry.warned ? "warned" : "open") : entry.is_stopped ? "stopped" : "reached";
  json shown = {{"name", budget.name},
                {"per", budget.daily ? "day" : "total"},
                {"unit", field_of(budget.unit)},
                {"used", number_in(entry.used, budget.unit)},
                {"limit", number_in(entry.limit(), budget.unit)},
                {"raised", number_in(entry.raised, budget.unit)},
                {"until", budget.daily ? json(to_iso8601(local_day_end(wall_now()))) : json(nullptr)},
                {"state", state},
                {"reachedAt", entry.reached_at ? json(to_iso8601(*entry.reached_at)) : json(nullptr)},
                {"asking", entry.is_asking},
                {"agents", std::move(agents)},
                {"held", std::move(held)},
                {"unseen", std::move(unseen)}};
  if (!budget.agent.empty()) shown["agent"] = budget.agent;
  if (!budget.tag.empty()) shown["tag"] = budget.tag;
  if (!budget.account.empty()) shown["account"] = budget.account;
  return shown;
}

}  // namespace ar::daemon
