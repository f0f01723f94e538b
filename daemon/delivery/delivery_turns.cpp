// What becomes of a delivery inside the provider: its proof, what its record says, and the turns that work on it.
#include "daemon/delivery/delivery_queue.hpp"
#include "daemon/delivery/guarded.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;
using adapters::RecordedOutcome;
using adapters::TurnEnded;
using State = DeliveryState;
using Input = DeliveryInput;

namespace {

constexpr auto kGoOn =
    "The provider ended in the middle of its work and was started again; your session was restored. Please go on with "
    "the task of the message(s) named in the subject where you were.";

}  // namespace

awaitable<void> DeliveryQueue::resolve(Delivery& d) {
  outcome_wanted_.erase(d.message);
  auto const prompt = prompt_of(d);
  bool const running = in_process_.contains(d.message);
  RecordedOutcome outcome = RecordedOutcome::pending;
  auto const what = "agent " + agent_id_ + ": looking for message " + std::to_string(d.message) + " in the record";
  if (!running) {
    SessionUse const use(*this);
    outcome = co_await guarded(what, host_.look_up_outcome(prompt), RecordedOutcome::pending);
  } else if (auto* session = host_.ready_session()) {
    SessionUse const use(*this);
    outcome = co_await guarded(what, session->query_outcome(prompt, false), RecordedOutcome::pending);
  }
  std::optional<TurnEnded> end;
  if (outcome == RecordedOutcome::accepted) {
    std::vector<std::string> correlation_ids{d.correlation_id};
    end = co_await recorded_end(std::move(correlation_ids));
    if (!end && !running) end = unseen_end("the provider ended during this turn");
  }
  bool const proved =
      outcome == RecordedOutcome::accepted && d.state == State::queued;  // though a person said otherwise
  if (d.state != State::unknown && !proved) co_return;
  services_.events.append(agent_id_, "message.looked_up",
                          {{"message", d.message},
                           {"says", outcome == RecordedOutcome::accepted  ? "accepted"
                                    : outcome == RecordedOutcome::absent  ? "absent"
                                    : outcome == RecordedOutcome::pending ? "pending"
                                                                          : "blind"}});
  if (outcome == RecordedOutcome::accepted) {
    accept_late(d, "transcript", end);
  } else if (outcome == RecordedOutcome::absent) {
    submit_again(d);
  }
}

/// `end`: how its turn ended, when that is over and known.
void DeliveryQueue::accept_late(Delivery& d, std::string const& proof, std::optional<TurnEnded> const& end) {
  bool const of_its_own = !turns_.running();
  accept(d, proof);
  if (end && of_its_own) {
    turns_.close(*end);
  } else if (end) {  // another one runs by now
    turns_.take_out(d.message);
    end_with_turn(d, *end);
  } else if (of_its_own) {
    turns_.doubt_end();
  }
}

/// It was not taken: nobody has seen it yet.
void DeliveryQueue::submit_again(Delivery& d) {
  in_process_.erase(d.message);
  outcome_wanted_.erase(d.message);
  d.take(Input::proved_absent);
  d.reason.clear();
  d.screen.clear();
  d.retry_at = Clock::now();
  save(d);
  announce(d, "message.queued");
  host_.wanted();
  changed_.notify_all();
}

void DeliveryQueue::settle(MessageId id, bool taken) {
  auto const it = open_.find(id);
  if (it == open_.end() || it->second.state != State::unknown) return;
  if (!taken) return submit_again(it->second);
  std::optional<TurnEnded> end;
  if (!in_process_.contains(id)) end = unseen_end("the provider ended during this turn");
  accept_late(it->second, "person", end);
}

void DeliveryQueue::on_accepted(std::string const& correlation_id, std::string const& proof) {
  auto const is_proved = [&](auto const& entry) {
    auto const& d = entry.second;
    return d.correlation_id == correlation_id && !d.is_taken() && !d.has_ended();
  };
  auto const proved = std::ranges::find_if(open_, is_proved);
  if (proved == open_.end()) return;
  if (no_process_)
    accept_late(proved->second, proof, unseen_end("the provider ended during this turn"));
  else
    accept(proved->second, proof);
}

void DeliveryQueue::accept(Delivery& d, std::string const& proof) {
  d.take(Input::proved);
  d.proof = proof;
  d.reason.clear();
  d.screen.clear();
  d.step("accepted");
  in_process_.erase(d.message);
  outcome_wanted_.erase(d.message);
  save(d);
  announce(d, "message.accepted");
  d.turn = turns_.add(d.message, store_);
  d.take(Input::turn_began);
  d.step("running");
  for (auto id : d.continues)
    if (auto it = open_.find(id); it != open_.end()) it->second.turn = d.turn;
  save(d);
  changed_.notify_all();
}

void DeliveryQueue::on_turn_started() {
  settle_early_end();  // what is in hand belongs to the new one
  turns_.started(store_);
  changed_.notify_all();
}

void DeliveryQueue::settle_early_end() {
  if (auto const end = std::exchange(early_end_, std::nullopt)) turns_.ended(*end);
}

void DeliveryQueue::on_turn_ended(TurnEnded const& end) {
  // A turn can end before the proof has been seen that it took the message in hand: the end waits for the proof.
  settle_early_end();
  if (in_hand_)
    early_end_ = end;
  else
    turns_.ended(end);
  for (auto const& [id, d] : open_)
    if (d.state == State::unknown) outcome_wanted_.insert(id);
  changed_.notify_all();
}

awaitable<std::optional<TurnEnded>> DeliveryQueue::recorded_end(std::vector<std::string> correlation_ids) {
  SessionUse const use(*this);
  auto const what = "agent " + agent_id_ + ": looking for a turn's end in the record";
  auto asked = host_.turn_end(std::move(correlation_ids));
  co_return co_await guarded(what, std::move(asked), std::optional<TurnEnded>());
}

void DeliveryQueue::on_turn_over(Turn const& turn, TurnEnded const& end) {
  take_note(end);
  for (auto& [id, d] : open_)
    if (d.turn == turn.number && d.state == State::running) end_with_turn(d, end);
  changed_.notify_all();
}

/// What the end says about the provider: whether it takes work at all.
void DeliveryQueue::take_note(TurnEnded const& end) {
  using Outcome = TurnEnded::Outcome;
  auto const jitter = random_();
  auto const refusal = refusal_in(end);
  if (refusal) hold_.refuse(*refusal, end, jitter);
  bool const held = refusal || (end.outcome == Outcome::failed && hold_.failed(end, jitter));
  bool const works = end.outcome == Outcome::completed || (end.outcome == Outcome::failed && !end.did_nothing);
  if (held) {
    services_.events.append(agent_id_, "agent.limited", hold_.shown());
    spdlog::warn("agent {}: {}", agent_id_, hold_.reason(agent_id_));
  } else if (works && hold_.lift()) {
    services_.events.append(agent_id_, "agent.released");
  } else {
    return;
  }
  host_.hold_changed();
}

void DeliveryQueue::probe_now() {
  hold_.probe_now();
  host_.hold_changed();
  changed_.notify_all();
}

void DeliveryQueue::end_with_turn(Delivery& d, TurnEnded const& end) {
  if (end.did_nothing && refusal_in(end)) return go_back(d);
  if (end.outcome == TurnEnded::Outcome::completed)
    end_delivery(d, Input::turn_done, end.final_text);
  else
    end_delivery(d, Input::turn_failed, status_of(end) + (end.error.empty() ? "" : ": " + end.error));
}

/// The model refused its turn before anything was done about it. It waits here; what was claimed, for anybody.
void DeliveryQueue::go_back(Delivery& d) {
  d.take(Input::turned_away);
  d.turn = 0;
  d.correlation_id.clear();  // the record shows this one as taken: the next time is proved by another
  d.proof.clear();
  d.retry_at = Clock::now();
  d.step("refused by the model");
  // Those that it was a note about had their work begun before: they wait for it.
  for (auto id : d.continues)
    if (auto it = open_.find(id); it != open_.end()) {
      it->second.turn = 0;
      save(it->second);
    }
  save(d);
  announce(d, "message.returned");
  changed_.notify_all();
}

void DeliveryQueue::end_delivery(Delivery& d, Input end, std::string reason) {
  d.take(end);
  auto const state = d.state;
  // Of a turn that went well the reason is its final text: the reply, where the sender asked for one.
  d.reason = std::move(reason);
  d.step(std::string(to_string(state)));
  d.retry_at = Clock::now();
  if (state == State::refused || state == State::unverified) {
    // Nothing will be said to the bus about it. The lease runs out: others may be able to do the work, and prove it.
    leases_.drop(d.message);
    d.claim_token.clear();
    if (d.task) host_.work().finish("task", std::to_string(*d.task));
  }
  save(d);
  announce(d, state == State::done      ? "message.done"
              : state == State::failed  ? "message.failed"
              : state == State::refused ? "message.refused"
                                        : "message.unverified");
  changed_.notify_all();
}

void DeliveryQueue::on_gate_changed() {
  for (auto& [id, d] : open_) {
    if (d.state == State::queued) d.retry_at = Clock::now();
    if (d.state == State::unknown) outcome_wanted_.insert(id);
  }
  changed_.notify_all();
}

void DeliveryQueue::on_ready() {
  on_process_started();
  for (auto const& [id, d] : open_)
    if (d.state == State::unknown) outcome_wanted_.insert(id);
  hold_.process_started();
  ask_to_go_on();
  on_gate_changed();
}

/// Of the messages whose turn was cut off, those that carry a task, and that no note is about yet.
void DeliveryQueue::ask_to_go_on() {
  std::vector<MessageId> cut_off;
  for (auto const& [id, d] : open_) {
    auto const names_it = [id](auto const& entry) {
      return !entry.second.is_taken() && std::ranges::find(entry.second.continues, id) != entry.second.continues.end();
    };
    if (d.state == State::running && d.task && (d.turn == 0 || !turns_.running()) &&
        std::ranges::none_of(open_, names_it))
      cut_off.push_back(id);
  }
  if (cut_off.empty()) return;
  auto const id = next_local_id();
  std::string names;
  for (auto message : cut_off) names += (names.empty() ? "message " : ", ") + std::to_string(message);
  offer_local(id, "agent-runner", "resume", kGoOn);
  auto& note = open_.at(id);
  note.subject = names;
  note.continues = std::move(cut_off);
  save(note);
}

std::vector<adapters::Prompt> DeliveryQueue::open_turn() const {
  std::vector<Delivery const*> running;
  for (auto const& [id, d] : open_)
    if (d.state == State::running && d.turn > 0) running.push_back(&d);
  std::ranges::sort(running, {}, [](Delivery const* d) { return d->steps.back().second; });
  std::vector<adapters::Prompt> prompts;
  for (auto const* d : running) prompts.push_back(prompt_of(*d));
  return prompts;
}

awaitable<std::optional<TurnEnded>> DeliveryQueue::recorded_end(Turn const& turn) {
  std::vector<std::string> correlation_ids;
  for (auto const id : turn.messages)
    if (auto const it = open_.find(id); it != open_.end() && it->second.turn == turn.number)
      correlation_ids.push_back(it->second.correlation_id);
  return recorded_end(std::move(correlation_ids));
}

/// The turn that the journal says was running.
void DeliveryQueue::take_up_turn() {
  Turn turn;
  for (auto const& [id, d] : open_) {
    if (d.state != State::running || d.turn == 0) continue;
    turn.number = std::max(turn.number, d.turn);
    turn.messages.push_back(id);
    turn.started_at = d.steps.back().second;
  }
  if (turn.number == 0) return;
  auto const messages = turn.messages;
  turns_.take_up(std::move(turn));
  for (auto id : messages) open_.at(id).turn = turns_.running()->number;
}

void DeliveryQueue::on_adopted(bool turn_runs) {
  on_process_started();
  take_up_turn();
  turns_.adopted(turn_runs, store_);
  for (auto const& [id, d] : open_)
    if (d.state == State::unknown) outcome_wanted_.insert(id);
  ask_to_go_on();
  on_gate_changed();
}

awaitable<void> DeliveryQueue::on_process_gone() {
  process_gone_ = true;
  changed_.notify_all();
  while (session_users_ > 0) co_await changed_.wait();
  settle_early_end();
  co_await turns_.look_up_over();
  while (session_users_ > 0) co_await changed_.wait();
  // Its turn may have ended before it did, with nobody there to see it.
  take_up_turn();
  co_await turns_.look_up_running();
  no_process_ = true;
  for (auto id : in_process_) outcome_wanted_.insert(id);
  in_process_.clear();
  // Their turn is cut off. Messages that carry a task stay running: the restored session is asked to go on with them.
  auto const why = "interrupted: the provider ended during this turn";
  for (auto& [id, d] : open_) {
    if (d.state != State::running) continue;
    d.turn = 0;
    if (d.task)
      save(d);
    else
      end_delivery(d, Input::turn_failed, why);
  }
  turns_.close(unseen_end("the provider ended during this turn"));
  host_.work().clear({"provider-turn", "subagent", "message"});
  host_.work_changed();
  changed_.notify_all();
}

void DeliveryQueue::on_rest() {
  // A task waits for its restored session only while there will be one; whoever waits for it must hear of it.
  for (auto& [id, d] : open_)
    if (d.state == State::running && d.task) {
      d.turn = 0;
      end_delivery(d, Input::turn_failed, "interrupted: " + host_.not_ready_reason());
    }
  on_gate_changed();
}

}  // namespace ar::daemon
