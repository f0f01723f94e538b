#include "daemon/delivery/turn_tracker.hpp"

#include "base/ids.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/tables/turn_table.hpp"

#include <algorithm>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
using adapters::TurnEnded;

namespace {

/// From a provider at rest to the news of its turn's end; Claude Code's hook takes up to 0.7 s (its kStopGrace).
constexpr auto kTurnEndPatience = 3s;

}  // namespace

TurnTracker::TurnTracker(Services& services, std::string agent_id, Work& work, TurnHost& host)
    : services_(services), agent_id_(std::move(agent_id)), work_(work), host_(host) {}

std::int64_t TurnTracker::add(MessageId message, std::string const& store) {
  recall();
  if (!turn_) start(store);
  unclaimed_ = false;
  turn_->messages.push_back(message);
  save(*turn_);
  return turn_->number;
}

void TurnTracker::take_out(MessageId message) {
  std::erase(turn_->messages, message);
  save(*turn_);
}

void TurnTracker::started(std::string const& store) {
  recall();
  unclaimed_ = false;
  if (turn_ && end_unseen_) {
    ask_record_ = another_runs_ = true;
    host_.look_up_wanted();
  }
  if (!turn_) start(store);
}

void TurnTracker::start(std::string const& store) {
  turn_.emplace();
  turn_->number = host_.next_turn_number();
  turn_->id = new_uuid();
  turn_->event_cursor = services_.events.last(agent_id_);
  turn_->started_at = wall_now();
  turn_->store = store;
  save(*turn_);
  services_.events.append(agent_id_, "turn.started", {{"turn", turn_->number}});
  work_.start({"provider-turn", "provider-turn"});
  host_.work_changed();
  host_.turn_changed("a turn runs");
}

void TurnTracker::ended(TurnEnded const& end) {
  recall();
  if (!turn_) return;
  if (end.outcome != TurnEnded::Outcome::unseen) return close(end);
  over_.push_back(*std::exchange(turn_, std::nullopt));
  end_unseen_ = ask_record_ = another_runs_ = unclaimed_ = false;
  host_.turn_changed("turn ended: " + end.error);
  host_.look_up_wanted();
}

void TurnTracker::close(TurnEnded const& end, bool another_follows) {
  if (!turn_) return;
  end_unseen_ = ask_record_ = another_runs_ = unclaimed_ = false;
  close(*std::exchange(turn_, std::nullopt), end);
  if (!another_follows) host_.turn_changed(end.error.empty() ? "turn ended" : "turn ended: " + end.error);
}

void TurnTracker::close(Turn turn, TurnEnded const& end) {
  if (turn.ended_at == WallTime()) turn.ended_at = wall_now();
  turn.final_text = end.final_text;
  turn.error_kind = end.error_kind;
  turn.error = end.error;
  turn.status = status_of(end);
  save(turn);
  services_.events.append(agent_id_, "turn.ended",
                          {{"turn", turn.number},
                           {"status", turn.status},
                           {"messages", turn.messages},
                           {"errorKind", turn.error_kind},
                           {"error", turn.error}});
  host_.turn_over(turn, end);
  if (!turn_) work_.clear({"provider-turn"});
  host_.work_changed();
}

void TurnTracker::load(std::vector<Turn> running, std::int64_t newest) {
  if (!running.empty() && running.back().number == newest) {
    stored_ = std::move(running.back());
    running.pop_back();
  }
  over_ = std::move(running);
  for (auto& turn : over_) turn.ended_at = turn.started_at;  // nobody knows when it ended, but not today
}

void TurnTracker::recall() {
  if (turn_ || !stored_) return;
  turn_ = *std::exchange(stored_, std::nullopt);
  // Of one without messages the record cannot tell.
  unclaimed_ = turn_->messages.empty();
  end_unseen_ = !unclaimed_;
}

void TurnTracker::take_up(Turn turn) {
  recall();
  if (turn.number == 0) return;
  if (!turn_) {
    turn_ = std::move(turn);
    return;
  }
  for (auto id : turn.messages)  // the provider has told of it already
    if (std::ranges::find(turn_->messages, id) == turn_->messages.end()) turn_->messages.push_back(id);
}

void TurnTracker::adopted(bool another_runs, std::string const& store) {
  if (turn_) {
    if (another_runs) unclaimed_ = false;
    bool const record_tells = !turn_->messages.empty();
    ask_record_ = record_tells;
    end_unseen_ = record_tells || !another_runs;
    another_runs_ = record_tells && another_runs;
    work_.start({"provider-turn", "provider-turn"});
    host_.work_changed();
    host_.turn_changed("a turn runs");
  } else if (another_runs) {
    started(store);
  }
}

awaitable<void> TurnTracker::look_up(std::string store) {
  if (!over_.empty()) co_return co_await look_up_first_over();
  ask_record_ = false;
  auto const number = turn_->number;
  auto const end = co_await host_.recorded_end(*turn_);
  if (!end || !turn_ || turn_->number != number) co_return;
  bool const another_runs = another_runs_;
  close(*end, another_runs);
  if (another_runs) started(store);
}

/// How a turn ended that is over.
awaitable<void> TurnTracker::look_up_first_over() {
  auto turn = over_.front();
  auto end = co_await host_.recorded_end(turn);
  over_.erase(over_.begin());
  close(std::move(turn), end ? *end : unseen_end("how it ended nobody saw, and the provider's record does not say"));
}

awaitable<void> TurnTracker::look_up_over() {
  while (!over_.empty()) co_await look_up_first_over();
}

awaitable<void> TurnTracker::look_up_running() {
  while (turn_) {
    auto const asked = *turn_;
    auto const end = co_await host_.recorded_end(asked);
    if (!turn_ || turn_->number != asked.number) co_return;
    if (turn_->messages.size() > asked.messages.size()) continue;  // proved meanwhile
    if (end) close(*end);
    co_return;
  }
}

Clock::time_point TurnTracker::watch_rest(bool at_rest) {
  if (!at_rest || !turn_) {
    at_rest_since_.reset();
    return Clock::time_point::max();
  }
  if (!at_rest_since_) at_rest_since_ = Clock::now();
  auto const due = *at_rest_since_ + kTurnEndPatience;
  if (Clock::now() < due) return due;
  at_rest_since_.reset();
  TurnEnded end;
  end.outcome = TurnEnded::Outcome::unseen;
  end.error = "the provider is at rest";
  ended(end);
  return Clock::now();
}

void TurnTracker::save(Turn const& turn) {
  auto change = [agent = agent_id_, number = turn.number, record = to_text(to_json(turn))](Database& db) {
    TurnTable(db).put(agent, number, record);
  };
  services_.journal.write(std::move(change));
}

}  // namespace ar::daemon
