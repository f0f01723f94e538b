#include "daemon/agent/usage_meter.hpp"

#include "daemon/limits/budgets.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/tables/turn_table.hpp"

#include <algorithm>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
using adapters::RecordedUsage;
using adapters::Usage;

namespace {

// From a turn's end: until its record shows it, and until its process has said what it has cost.
constexpr auto kRecordPatience = 1500ms;
constexpr auto kPatience = 2s;
constexpr auto kLookAgain = 50ms;

}  // namespace

UsageMeter::UsageMeter(Parts parts, std::function<void()> save)
    : parts_(parts),
      save_(std::move(save)),
      source_(parts.provider.adapter().facts().usage_source),
      changed_(parts.services.executor) {}

awaitable<void> UsageMeter::run() {
  if (source_.empty()) co_return;
  for (;;) {
    if (is_in_new_record())
      (void)co_await read(parts_.record.transcript);
    else if (!account().uncounted().empty())
      co_await measure_first();
    else
      co_await changed_.wait();
  }
}

bool UsageMeter::turn_over(std::int64_t turn) {
  if (source_.empty() || parts_.record.transcript.empty()) return false;
  account().uncounted().push_back({turn, parts_.record.transcript});
  over_at_ = Clock::now();
  changed_.notify_all();
  return true;
}

/// A record that is met for the first time is read at once, since what it holds by then is not counted.
awaitable<std::optional<RecordedUsage>> UsageMeter::read(std::string record) {
  auto reader = readings_[record].reader;
  bool const is_first = !reader;
  if (is_first) reader = readings_[record].reader = parts_.provider.adapter().usage_reader(record);
  auto job = [reader] { return reader->read(); };
  auto const read = co_await parts_.provider.files().run(std::move(job));
  if (!read) co_return std::nullopt;
  if (is_first) readings_[record].turns = read->turns;
  if (!account().has_met(record)) {
    account().meet(record, read->total);
    save_();
  }
  co_return *read;
}

awaitable<void> UsageMeter::measure_first() {
  auto const next = account().uncounted().front();
  auto const usage = co_await read(next.record);
  auto& turns_seen = readings_[next.record].turns;
  bool const shows_end = usage && usage->turns > turns_seen;
  bool const is_known = usage && (shows_end || !usage->turn_is_open);
  if (auto const due = over_at_ + kRecordPatience; !is_known && Clock::now() < due) {
    if (!is_in_new_record()) co_await changed_.wait(std::min(due, Clock::now() + kLookAgain));
    co_return;
  }
  account().uncounted().pop_front();
  std::optional<Usage> used;
  if (usage) {
    turns_seen = usage->turns;
    // What comes after that end is of the next turn.
    used = account().count(next.record, shows_end ? usage->at_turn_end : usage->total, source_);
  }
  book(next.turn, used);
  std::erase_if(readings_, [&](auto const& one) {
    return one.first != parts_.record.transcript &&
           std::ranges::find(account().uncounted(), one.first, &UsageAccount::Uncounted::record) ==
               account().uncounted().end();
  });
  changed_.notify_all();
}

void UsageMeter::cost_is(double usd) {
  auto& account = this->account();
  bool const is_new_process = account.cost_is(parts_.record.provider_session, usd);
  if (is_new_process) save_();
  // It comes after the turn that it is about, or in it: then the turn's end counts it.
  if (!account.has_new_cost() || parts_.turns.running() || !account.uncounted().empty()) return;
  book(parts_.record.turns, std::nullopt);
  changed_.notify_all();
}

/// The turn, its sums and the account are written in one step of the io thread, so in one commit.
void UsageMeter::book(std::int64_t turn, std::optional<Usage> const& usage) {
  if (account().has_new_cost()) paid_turn_ = turn;
  auto const fresh_cost = account().new_cost();
  auto const cost = account().count_cost(turn);
  json known = json::object();
  if (usage) known["usage"] = to_json(*usage, source_);
  if (cost) known["costUsd"] = *cost;
  auto change = [agent = parts_.spec.id, turn, known](Database& db) { TurnTable(db).amend(agent, turn, known); };
  parts_.services.journal.write(std::move(change));
  save_();
  parts_.services.budgets.book(parts_.spec.id, turn, usage, cost ? std::optional(fresh_cost) : std::nullopt);
  known["turn"] = turn;
  parts_.services.events.append(parts_.spec.id, "turn.usage", std::move(known));
}

bool UsageMeter::is_in_new_record() const {
  return !parts_.record.transcript.empty() && !readings_.contains(parts_.record.transcript);
}

bool UsageMeter::is_measuring() const {
  auto const& account = parts_.record.usage;
  return !account.uncounted().empty() ||
         (account.says_cost(parts_.record.provider_session) && paid_turn_ < parts_.record.turns);
}

Clock::time_point UsageMeter::due() const { return is_measuring() ? over_at_ + kPatience : Clock::time_point(); }

awaitable<void> UsageMeter::measured() {
  for (auto due = over_at_ + kPatience; is_measuring() && Clock::now() < due; due = over_at_ + kPatience)
    co_await changed_.wait(due);
}

}  // namespace ar::daemon
