#include "daemon/store/runtime_state.hpp"

#include "daemon/store/journal_row.hpp"
#include "daemon/store/tables/fact_table.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace ar::daemon {
namespace {

constexpr std::array<std::string_view, 3> kPhases{"running", "pausing", "paused"};
constexpr char kToResume[] = "`agent-runner runtime resume` lets it go on";

struct Stored {
  WallTime since;
  std::string reason{};
  std::vector<RuntimeState::Run> runs{};
};

Stored stored_from(json const& record) {
  Stored stored{time_in(record.at("since")), record.at("reason").get<std::string>()};
  for (auto const& run : record.at("runs"))
    stored.runs.push_back(
        {run.at("agent").get<std::string>(), run.at("turn").get<std::int64_t>(), run.at("interrupted").get<bool>()});
  return stored;
}

}  // namespace

std::string_view to_string(RuntimeState::Phase phase) { return kPhases.at(static_cast<std::size_t>(phase)); }

RuntimeState::RuntimeState(Executor executor, Journal& journal)
    : journal_(journal), changing_(std::move(executor)), since_(wall_now()) {}

awaitable<Result<void>> RuntimeState::load() {
  auto query = [](Database& db) -> Result<std::string> { return FactTable(db).get(FactTable::kPause); };
  auto const record = co_await journal_.read(std::move(query));
  if (!record) co_return record.error();
  if (record->empty()) co_return Result<void>();
  // Of a damaged one it is still known that somebody has paused.
  auto stored = read_row(*record, "the runtime's pause", stored_from).value_or(Stored{wall_now()});
  phase_ = Phase::paused;
  since_ = stored.since;
  reason_ = std::move(stored.reason);
  runs_ = std::move(stored.runs);
  co_return Result<void>();
}

std::string RuntimeState::why_paused() const {
  if (!is_paused()) return {};
  return "the runtime is paused" + (reason_.empty() ? "" : " (" + reason_ + ")") + "; " + kToResume;
}

awaitable<Result<std::int64_t>> RuntimeState::pause(std::string reason) {
  auto const lock = co_await changing_.lock();
  if (is_paused())
    co_return conflict(
        "already_" + std::string(to_string(phase_)),
        "the runtime is " + std::string(to_string(phase_)) + " since " + to_iso8601(since_) + "; " + kToResume);
  phase_ = Phase::pausing;
  since_ = wall_now();
  reason_ = std::move(reason);
  auto const number = ++number_;
  save();
  auto const safe = co_await journal_.committed();
  if (!safe) {
    erase();
    run();
    co_return safe.error();
  }
  co_return number;
}

awaitable<bool> RuntimeState::settle(std::int64_t pause) {
  auto const lock = co_await changing_.lock();
  if (!is_present(pause)) co_return false;
  phase_ = Phase::paused;
  since_ = wall_now();
  save();
  co_return true;
}

awaitable<Result<void>> RuntimeState::resume() {
  auto const lock = co_await changing_.lock();
  if (!is_paused()) co_return conflict("not_paused", "the runtime is not paused; there is nothing to resume");
  resuming_ = true;
  erase();
  auto const safe = co_await journal_.committed();
  resuming_ = false;
  if (!safe) {
    save();
    co_return safe.error();
  }
  run();
  co_return Result<void>();
}

void RuntimeState::add_run(std::string const& agent, std::int64_t turn) {
  if (std::ranges::any_of(runs_, [&](Run const& run) { return run.agent == agent && run.turn == turn; })) return;
  runs_.push_back({agent, turn});
  save();
}

void RuntimeState::set_interrupted(Run const& run, bool interrupted) {
  for (auto& known : runs_)
    if (known.agent == run.agent && known.turn == run.turn) known.interrupted = interrupted;
  save();
}

void RuntimeState::run() {
  phase_ = Phase::running;
  since_ = wall_now();
  reason_.clear();
  runs_.clear();
}

void RuntimeState::save() {
  if (!is_paused() || resuming_) return;
  json runs = json::array();
  for (auto const& run : runs_)
    runs.push_back({{"agent", run.agent}, {"turn", run.turn}, {"interrupted", run.interrupted}});
  json const record = {{"since", to_millis(since_)}, {"reason", reason_}, {"runs", std::move(runs)}};
  journal_.write([text = to_text(record)](Database& db) { FactTable(db).put(FactTable::kPause, text); });
}

void RuntimeState::erase() {
  journal_.write([](Database& db) { FactTable(db).erase(FactTable::kPause); });
}

}  // namespace ar::daemon
