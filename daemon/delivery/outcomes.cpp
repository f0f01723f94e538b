#include "daemon/delivery/outcomes.hpp"

#include "daemon/config/config.hpp"
#include "daemon/delivery/answer.hpp"
#include "daemon/delivery/current_store.hpp"
#include "daemon/delivery/delivery_host.hpp"
#include "daemon/delivery/guarded.hpp"
#include "daemon/delivery/in_process.hpp"
#include "daemon/delivery/leases.hpp"
#include "daemon/delivery/open_deliveries.hpp"
#include "daemon/limits/service_failure.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/tables/turn_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

namespace ar::daemon {
using adapters::RecordedOutcome;
using adapters::SubmitOutcome;
using adapters::SubmitResult;
using adapters::TurnEnded;
using State = DeliveryState;
using Input = DeliveryInput;
namespace {

constexpr auto kGoOn =
    "The provider ended in the middle of its work and was started again; your session was restored. Please go on with "
    "the task of the message(s) named in the subject where you were.";
constexpr auto kGoOnAfterLimit =
    "A usage limit of your account has ended your turn in the middle of its work; it is over now. Please go on with "
    "the task of the message(s) named in the subject where you were.";
// After a cold start, behind what it was.
constexpr auto kCutOff =
    ": your process ended in the middle of a turn, which is over as interrupted, and you were started again. Tools "
    "that you had called may have had their effects, or a part of them: look before you do any of it again. What "
    "waited for a person's approval was not approved.";
constexpr auto kGoOnNow = " Please go on with the task of the message(s) named in the subject where you were.";
constexpr auto kLeaveIt =
    " The message(s) named in the subject count as failed: do not go on with them unless you are asked to.";
constexpr char kResume[] = "resume";            ///< a note after which its messages go on
constexpr char kInterrupted[] = "interrupted";  ///< one that only tells
constexpr auto kGoOnAfterFailure =
    "The service of your model has failed in the middle of your turn; it answers again. Please look at what you have "
    "done already, and go on with the task of the message(s) named in the subject where you were.";

/// The word for what was wrong with the model's service; empty: nothing, or the turn did not fail.
std::string_view code_of(TurnEnded const& end) {
  return end.outcome == TurnEnded::Outcome::failed ? service_failure(end.error_kind) : "";
}

/// `code` empty: a usage limit.
std::string cut_off_by(std::string const& code) {
  return code.empty() ? "a usage limit" : "its model's service (" + code + ")";
}

}  // namespace

Outcomes::Outcomes(DeliveryParts const& parts, TurnTracker& turns) : parts_(parts), turns_(turns) {}

awaitable<void> Outcomes::resolve(Delivery& d) {
  parts_.process.outcome_wanted.erase(d.message);
  auto const prompt = prompt_of(d, parts_.host.files_dir());
  bool const running = parts_.process.given.contains(d.message);
  RecordedOutcome outcome = RecordedOutcome::pending;
  auto const what =
      "agent " + parts_.agent_id + ": looking for message " + std::to_string(d.message) + " in the record";
  if (!running) {
    InProcess::Use const use(parts_.process);
    outcome = co_await guarded(what, parts_.host.look_up_outcome(prompt), RecordedOutcome::pending);
  } else if (auto* session = parts_.host.ready_session()) {
    InProcess::Use const use(parts_.process);
    outcome = co_await guarded(what, session->query_outcome(prompt, false), RecordedOutcome::pending);
  }
  std::optional<TurnEnded> end;
  bool cut_off = false;
  if (outcome == RecordedOutcome::accepted) {
    std::vector<std::string> correlation_ids{d.correlation_id};
    end = co_await recorded_end(std::move(correlation_ids));
    cut_off = !end && !running;
    if (cut_off) end = unseen_end("the provider ended during this turn");
  }
  bool const proved =
      outcome == RecordedOutcome::accepted && d.state == State::queued;  // though a person said otherwise
  if (!d.is_in_question() && !proved) co_return;
  if (d.is_offered() && outcome == RecordedOutcome::pending) co_return;  // it is on its way, as it should be
  parts_.services.events.append(parts_.agent_id, "message.looked_up",
                                {{"message", d.message},
                                 {"says", outcome == RecordedOutcome::accepted  ? "accepted"
                                          : outcome == RecordedOutcome::absent  ? "absent"
                                          : outcome == RecordedOutcome::pending ? "pending"
                                                                                : "blind"}});
  if (outcome == RecordedOutcome::accepted) {
    accept_late(d, "transcript", end);
    if (cut_off) tell_cut_off({d.message});
  } else if (outcome == RecordedOutcome::absent) {
    submit_again(d);
  }
}

void Outcomes::on_submitted(Delivery& d, SubmitResult const& submission) {
  if (d.is_taken()) return;
  switch (submission.outcome) {
    case SubmitOutcome::unverified:
      parts_.process.given.erase(d.message);
      d.step("unverified");
      end_delivery(d, Input::unprovable, submission.reason);
      return;
    case SubmitOutcome::refused:
      parts_.process.given.erase(d.message);
      end_delivery(d, Input::impossible, submission.reason);
      return;
    case SubmitOutcome::offered:
      d.offered = true;
      parts_.open.save(d);
      return;
    case SubmitOutcome::accepted:
    case SubmitOutcome::held:
    case SubmitOutcome::unknown: break;
  }
  doubt(d, submission.reason, submission.screen);
}

void Outcomes::doubt(Delivery& d, std::string reason, std::string screen) {
  d.take(Input::doubted);
  d.reason = std::move(reason);
  d.screen = std::move(screen);
  d.step("unknown");
  parts_.process.outcome_wanted.insert(d.message);
  parts_.open.save(d);
  parts_.open.announce(d, "message.unknown");
}

/// `end`: how its turn ended, when that is over and known.
void Outcomes::accept_late(Delivery& d, std::string const& proof, std::optional<TurnEnded> const& end) {
  bool const of_its_own = !turns_.running() || turns_.is_unclaimed();
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
void Outcomes::submit_again(Delivery& d) {
  parts_.process.let_go(d.message);
  if (d.is_offered()) {
    d.offered_in_vain = true;
    d.take(Input::doubted);
  }
  d.take(Input::proved_absent);
  d.reason.clear();
  d.screen.clear();
  d.retry_at = Clock::now();
  parts_.open.save(d);
  parts_.open.announce(d, "message.queued");
  parts_.host.wanted();
  parts_.changed.notify_all();
}

void Outcomes::settle(MessageId id, bool taken) {
  auto const it = parts_.open.all().find(id);
  if (it == parts_.open.all().end() || it->second.state != State::unknown) return;
  if (!taken) return submit_again(it->second);
  std::optional<TurnEnded> end;
  if (!parts_.process.given.contains(id)) end = unseen_end("the provider ended during this turn");
  accept_late(it->second, "person", end);
}

std::int64_t Outcomes::withdraw_waiting(std::string const& because) {
  std::int64_t count = 0;
  for (auto& [id, d] : parts_.open.all()) {
    if (d.state == State::running && d.answer) {  // its turn is over, and its answer is being checked
      d.answer.reset();
      end_delivery(d, Input::turn_failed, "cancelled" + because);
      ++count;
    }
    if (d.state == State::running && d.cut_off > 0) {
      parts_.host.ask_no_more(std::exchange(d.cut_off, 0));
      d.code.clear();
      end_delivery(d, Input::turn_failed, "cancelled" + because);
      ++count;
    }
    if (d.state != State::queued || d.claimable) continue;
    end_delivery(d, Input::withdrawn, "cancelled before it was handed over" + because);
    ++count;
  }
  return count;
}

void Outcomes::on_accepted(std::string const& correlation_id, std::string const& proof) {
  auto const is_proved = [&](auto const& entry) {
    auto const& d = entry.second;
    return d.correlation_id == correlation_id && !d.is_taken() && !d.has_ended();
  };
  auto const proved = std::ranges::find_if(parts_.open.all(), is_proved);
  if (proved == parts_.open.all().end()) return;
  if (parts_.process.gone)
    accept_late(proved->second, proof, unseen_end("the provider ended during this turn"));
  else
    accept(proved->second, proof);
}

void Outcomes::accept(Delivery& d, std::string const& proof) {
  d.take(Input::proved);
  d.proof = proof;
  d.reason.clear();
  d.screen.clear();
  d.step("accepted");
  parts_.process.let_go(d.message);
  parts_.open.save(d);
  parts_.open.announce(d, "message.accepted");
  d.turn = turns_.add(d.message, parts_.store.id());
  d.take(Input::turn_began);
  d.step("running");
  for (auto id : d.continues)
    if (auto it = parts_.open.all().find(id); it != parts_.open.all().end()) {
      it->second.turn = d.turn;
      parts_.open.save(it->second);
    }
  parts_.open.save(d);
  parts_.changed.notify_all();
}

void Outcomes::on_turn_started() {
  settle_early_end();  // what is in hand belongs to the new one
  turns_.started(parts_.store.id());
  parts_.changed.notify_all();
}

void Outcomes::settle_early_end() {
  if (auto const end = std::exchange(early_end_, std::nullopt)) turns_.ended(*end);
}

void Outcomes::on_turn_ended(TurnEnded const& end) {
  // A turn can end before the proof has been seen that it took the message in hand: the end waits for the proof.
  settle_early_end();
  if (parts_.process.in_hand)
    early_end_ = end;
  else
    turns_.ended(end);
  for (auto const& [id, d] : parts_.open.all())
    if (d.is_in_question()) parts_.process.outcome_wanted.insert(id);
  parts_.changed.notify_all();
}

awaitable<std::optional<TurnEnded>> Outcomes::recorded_end(std::vector<std::string> correlation_ids) {
  InProcess::Use const use(parts_.process);
  auto const what = "agent " + parts_.agent_id + ": looking for a turn's end in the record";
  auto asked = parts_.host.turn_end(std::move(correlation_ids));
  co_return co_await guarded(what, std::move(asked), std::optional<TurnEnded>());
}

void Outcomes::on_turn_over(Turn const& turn, TurnEnded const& end) {
  take_note(turn, end);
  bool cut_off = false;
  for (auto& [id, d] : parts_.open.all()) {
    if (d.turn != turn.number || !d.has_open_turn()) continue;
    if (!may_go_on(d, end)) {
      end_with_turn(d, end);
      continue;
    }
    cut_off = true;
    d.cut_off = turn.number;
    d.turn = 0;
    d.code = code_of(end);
    d.reason = end.error;
    d.step("cut off by " + cut_off_by(d.code));
    parts_.open.save(d);
  }
  if (cut_off) ask_about(turn.number, std::string(code_of(end)), end.error);
  parts_.changed.notify_all();
}

/// Its turn was cut off in the middle, by a limit or by its model's service, and its work is not lost with that. (A
/// note ends with its turn; what it is about goes on.)
bool Outcomes::may_go_on(Delivery const& d, TurnEnded const& end) const {
  if (end.did_nothing || !d.continues.empty() || parts_.host.at_rest()) return false;
  if (auto const code = code_of(end); !code.empty()) return is_retried(code);
  return refusal_in(end) == Refusal::limit && parts_.services.config.limits_continue != "no";
}

bool Outcomes::is_retried(std::string_view code) const {
  auto const& config = parts_.services.config;
  return config.retry_max > 0 && std::ranges::find(config.retry_kinds, code) != config.retry_kinds.end();
}

/// Its turn was a note's that asked to go on with it: of the message itself something had been done before.
bool Outcomes::has_note(Delivery const& d) const {
  return std::ranges::any_of(parts_.open.all(), [&](auto const& entry) {
    auto const& note = entry.second;
    return note.turn == d.turn && std::ranges::find(note.continues, d.message) != note.continues.end();
  });
}

/// The provider's own account, or its record, proves that nothing was done about it in the turn that has failed. What
/// is claimed others may do: it always goes back.
bool Outcomes::goes_back(Delivery const& d, TurnEnded const& end) const {
  if (!end.did_nothing || !refusal_in(end) || has_note(d)) return false;
  auto const code = code_of(end);
  if (code.empty() || d.claimable) return true;
  return is_retried(code) && d.retries < parts_.services.config.retry_max;
}

/// A message goes on by itself once: what is cut off again may be what uses the account up. What its model's service
/// has cut off never does: tools may have been called.
void Outcomes::ask_about(std::int64_t turn, std::string const& code, std::string const& error) {
  bool const by_itself = code.empty() && parts_.services.config.limits_continue == "yes" &&
                         std::ranges::none_of(parts_.open.all(), [turn](auto const& entry) {
                           return entry.second.cut_off == turn && entry.second.went_on > 0;
                         });
  if (by_itself) return go_on(turn, true);
  parts_.host.ask_to_go_on(turn, cut_off_by(code) + ": " + error);
}

void Outcomes::go_on(std::int64_t turn, bool goes_on) {
  if (!goes_on) return end_cut_off(turn, "it was decided not to go on");
  std::vector<MessageId> about;
  for (auto& [id, d] : parts_.open.all())
    if (d.state == State::running && d.cut_off == turn) about.push_back(id);
  if (about.empty()) return;
  bool const by_limit = parts_.open.all().at(about.front()).code.empty();
  // Both in one commit: a kill leaves the question or the note, not neither and not both.
  for (auto id : about) {
    auto& d = parts_.open.all().at(id);
    d.cut_off = 0;
    d.code.clear();
    d.reason.clear();
    ++d.went_on;
    parts_.open.save(d);
  }
  add_note("continue", by_limit ? kGoOnAfterLimit : kGoOnAfterFailure, std::move(about));
}

void Outcomes::end_cut_off(std::int64_t turn, std::string const& because) {
  for (auto& [id, d] : parts_.open.all()) {
    if (d.state != State::running || d.cut_off != turn) continue;
    d.cut_off = 0;
    end_delivery(d, Input::turn_failed, (d.code.empty() ? "" : "failed: " + d.code + ": ") + d.reason + "; " + because);
  }
}

/// What the end says about the provider: whether it takes work at all.
void Outcomes::take_note(Turn const& turn, TurnEnded const& end) {
  using Outcome = TurnEnded::Outcome;
  auto const jitter = random_();
  auto const refusal = refusal_in(end);
  auto const account = parts_.host.account();
  if (refusal && is_of_account(*refusal) && !account.empty())
    return parts_.services.accounts.refused(account, parts_.agent_id, *refusal, end, turn.started_at);
  if (refusal) hold_.refuse(*refusal, end, jitter, ProviderHold::kMargin, parts_.services.config.retry_wait());
  bool const held = refusal || (end.outcome == Outcome::failed && hold_.failed(end, jitter));
  bool const works = end.outcome == Outcome::completed || (end.outcome == Outcome::failed && !end.did_nothing);
  if (held) {
    held_anew(hold_.shown());
    spdlog::warn("agent {}: {}", parts_.agent_id, why_limited());
    parts_.host.hold_changed();
  } else if (works) {
    bool const lifted = hold_.lift();
    parts_.services.accounts.worked(account, parts_.agent_id, turn.started_at);
    if (lifted) account_changed();
  }
}

void Outcomes::held_anew(json shown) {
  told_limited_ = true;
  bool const by_account = !hold_.is_on() && shown["kind"] != "budget";
  if (auto const account = parts_.host.account(); !account.empty() && by_account) shown["account"] = account;
  parts_.services.events.append(parts_.agent_id, "agent.limited", std::move(shown));
}

void Outcomes::account_changed() {
  auto shown = limited();
  bool const is_limited = !shown.is_null();
  if (is_limited && !told_limited_) held_anew(std::move(shown));
  if (!is_limited && std::exchange(told_limited_, false))
    parts_.services.events.append(parts_.agent_id, "agent.released");
  parts_.host.hold_changed();
  parts_.changed.notify_all();
}

void Outcomes::restore(ProviderHold hold) {
  hold_ = std::move(hold);
  told_limited_ = !limited().is_null();
}

std::string Outcomes::why_limited() const {
  auto const& budgets = parts_.services.budgets;
  if (auto why = budgets.why_held(parts_.agent_id); !why.empty()) return why;
  // Else another turn would begin before its budget has heard of the last one.
  if (parts_.host.usage_due() > Clock::now() && budgets.meets(parts_.agent_id))
    return "what its last turn has used is being found out";
  // An offered notice may be the probe before its turn begins.
  auto const is_offered = [](auto const& entry) { return entry.second.is_offered(); };
  bool const probe_runs = turns_.running() || std::ranges::any_of(parts_.open.all(), is_offered);
  if (hold_.is_on() && (probe_runs || !hold_.may_probe()))
    return hold_.reason("agent-runner restart " + parts_.agent_id);
  return parts_.services.accounts.why_held(parts_.host.account(), parts_.agent_id, probe_runs);
}

std::string Outcomes::held_for() const {
  if (auto why = parts_.services.budgets.why_held(parts_.agent_id); !why.empty()) return why;
  if (hold_.is_on()) return hold_.reason("agent-runner restart " + parts_.agent_id);
  return parts_.services.accounts.why_held(parts_.host.account(), parts_.agent_id, true);
}

json Outcomes::limited() const {
  if (auto held = parts_.services.budgets.hold_of(parts_.agent_id); !held.is_null()) return held;
  return hold_.is_on() ? hold_.shown() : parts_.services.accounts.hold_of(parts_.host.account());
}

std::optional<WallTime> Outcomes::waits_since() const {
  if (!parts_.host.ready_session()) return std::nullopt;
  std::optional<WallTime> oldest;
  for (auto const& [id, d] : parts_.open.all())
    if (d.state == State::queued && !d.steps.empty())
      oldest = std::min(oldest.value_or(d.steps.front().second), d.steps.front().second);
  return oldest;
}

bool Outcomes::has_message() const {
  return std::ranges::any_of(parts_.open.all(), [](auto const& entry) { return entry.second.state == State::queued; });
}

bool Outcomes::is_at_work() const { return turns_.running() || parts_.process.in_hand; }

void Outcomes::probe_now() {
  hold_.probe_now();
  parts_.services.accounts.probe_now(parts_.host.account());
  parts_.host.hold_changed();
  parts_.changed.notify_all();
}

void Outcomes::end_with_turn(Delivery& d, TurnEnded const& end) {
  if (goes_back(d, end)) return go_back(d, end);
  if (end.outcome == TurnEnded::Outcome::completed && !d.output_schema.empty()) {
    d.answer = end.final_text;  // the loop goes on with it
    parts_.open.save(d);
  } else if (end.outcome == TurnEnded::Outcome::completed)
    end_delivery(d, Input::turn_done, end.final_text);
  else if (stall_ && stall_->turn == d.turn)
    fail(d, status_of(end), "stalled", stall_->why);
  else
    fail(d, status_of(end), code_of(end), end.error);
}

void Outcomes::fail(Delivery& d, std::string const& status, std::string_view code, std::string const& error) {
  auto reason = status;
  for (auto const part : {code, std::string_view(error)})
    if (!part.empty()) reason.append(": ").append(part);
  d.code = code;
  end_delivery(d, Input::turn_failed, std::move(reason));
}

Delivery* Outcomes::next_to_check() {
  for (auto& [id, d] : parts_.open.all())
    if (d.state == State::running && d.answer) return &d;
  return nullptr;
}

awaitable<void> Outcomes::check(Delivery& d) {
  auto const answer = *d.answer;
  std::string const output(json_in(answer));
  auto const what = "agent " + parts_.agent_id + ": checking the answer to message " + std::to_string(d.message);
  auto const verdict = co_await guarded(what, parts_.host.check_answer(d.output_schema, output), AnswerVerdict());
  if (d.state != State::running || !d.answer) co_return;
  d.answer.reset();
  using Says = AnswerVerdict::Says;
  bool const fits = verdict.says == Says::fits;
  bool const repair = verdict.says == Says::does_not_fit && d.repairs < kMostRepairs && !parts_.host.at_rest();
  json told = {{"message", d.message}, {"fits", fits}, {"repairs", d.repairs}};
  if (!fits) told["problems"] = verdict.problems;
  parts_.services.events.append(parts_.agent_id, "message.checked", std::move(told));
  if (!repair) d.step(kChecked);
  if (fits) {
    keep_output(d, output);
    end_delivery(d, Input::turn_done, answer);
  } else if (repair) {
    ask_to_repair(d, verdict.problems);
  } else {
    auto const why = verdict.says == Says::does_not_fit ? "the answer does not fit outputSchema"
                     : verdict.says == Says::bad_schema ? "outputSchema is no JSON Schema"
                                                        : "the answer could not be checked";
    end_delivery(d, Input::turn_failed, std::string(why) + ": " + verdict.problems);
  }
}

/// With it and with its turn.
void Outcomes::keep_output(Delivery& d, std::string_view output) {
  d.output = output;
  auto change = [agent = parts_.agent_id, turn = d.turn, output = d.output](Database& db) {
    if (auto value = parse_json(output)) TurnTable(db).amend(agent, turn, {{"output", std::move(*value)}});
  };
  parts_.services.journal.write(std::move(change));
}

/// It stays open, and ends with the note's turn.
void Outcomes::ask_to_repair(Delivery& d, std::string const& problems) {
  ++d.repairs;
  d.turn = 0;
  d.step("repair");
  parts_.open.save(d);
  add_note("repair", repair_note(problems), {d.message});
}

/// The model refused its turn before anything was done about it. It waits here; what was claimed, for anybody.
void Outcomes::go_back(Delivery& d, TurnEnded const& end) {
  d.take(Input::turned_away);
  if (!code_of(end).empty()) ++d.retries;
  d.turn = 0;
  d.correlation_id.clear();  // the record shows this one as taken: the next time is proved by another
  d.proof.clear();
  d.retry_at = Clock::now();
  d.step("refused by the model");
  // Those that it was a note about had their work begun before: they wait for it.
  for (auto id : d.continues)
    if (auto it = parts_.open.all().find(id); it != parts_.open.all().end()) {
      it->second.turn = 0;
      parts_.open.save(it->second);
    }
  parts_.open.save(d);
  parts_.open.announce(d, "message.returned");
  parts_.changed.notify_all();
}

void Outcomes::end_delivery(Delivery& d, Input end, std::string reason) {
  d.take(end);
  auto const state = d.state;
  // Of a turn that went well the reason is its final text: the reply, where the sender asked for one.
  d.reason = std::move(reason);
  d.step(std::string(to_string(state)));
  d.retry_at = Clock::now();
  if (state == State::refused || state == State::unverified) {
    // Nothing will be said to the bus about it. The lease runs out: others may be able to do the work, and prove it.
    parts_.leases.drop(d.message);
    d.claim_token.clear();
    if (d.task) parts_.host.work().finish("task", std::to_string(*d.task));
  }
  parts_.open.save(d);
  parts_.open.announce(d, state == State::done      ? "message.done"
                          : state == State::failed  ? "message.failed"
                          : state == State::refused ? "message.refused"
                                                    : "message.unverified");
  parts_.changed.notify_all();
  end_with_its_notes(d);
  parts_.host.message_over(d);
}

/// A note that nobody took takes the messages with it that wait for its turn, and they take it with them.
void Outcomes::end_with_its_notes(Delivery const& ended) {
  if (ended.turn == 0)
    for (auto id : ended.continues)
      if (auto it = parts_.open.all().find(id);
          it != parts_.open.all().end() && it->second.state == State::running && it->second.turn == 0)
        end_delivery(it->second, Input::turn_failed, ended.reason);
  auto const is_over = [this](MessageId id) {
    auto const it = parts_.open.all().find(id);
    return it == parts_.open.all().end() || it->second.has_ended();
  };
  for (auto& [id, note] : parts_.open.all())
    if (note.state == State::queued && !note.continues.empty() && std::ranges::all_of(note.continues, is_over))
      end_delivery(note, Input::withdrawn, "what it was about is over");
}

void Outcomes::on_gate_changed() {
  for (auto& [id, d] : parts_.open.all()) {
    if (d.state == State::queued) d.retry_at = Clock::now();
    if (d.is_in_question()) parts_.process.outcome_wanted.insert(id);
  }
  parts_.changed.notify_all();
}

void Outcomes::on_ready() {
  parts_.process.started();
  for (auto const& [id, d] : parts_.open.all())
    if (d.state == State::unknown) parts_.process.outcome_wanted.insert(id);
  hold_.process_started();
  ask_again_about_cut_off();
  ask_to_go_on();
  on_gate_changed();
}

/// The daemon may have ended between the question and what came of it.
void Outcomes::ask_again_about_cut_off() {
  std::map<std::int64_t, std::pair<std::string, std::string>> turns;
  for (auto const& [id, d] : parts_.open.all())
    if (d.state == State::running && d.cut_off > 0) turns.emplace(d.cut_off, std::pair(d.code, d.reason));
  for (auto const& [turn, why] : turns) ask_about(turn, why.first, why.second);
}

/// Of the messages whose turn was cut off, those that carry a task, and that no note is about yet.
std::vector<MessageId> Outcomes::to_go_on_with() const {
  std::vector<MessageId> cut_off;
  for (auto const& [id, d] : parts_.open.all())
    if (d.state == State::running && d.task && !d.answer && d.cut_off == 0 && (d.turn == 0 || !turns_.running()) &&
        !has_note(id))
      cut_off.push_back(id);
  return cut_off;
}

/// The session is still to be asked to go on with it.
bool Outcomes::has_note(MessageId message) const {
  auto const names_it = [message](auto const& entry) {
    auto const& about = entry.second.continues;
    return !entry.second.is_taken() && std::ranges::find(about, message) != about.end();
  };
  return std::ranges::any_of(parts_.open.all(), names_it);
}

void Outcomes::ask_to_go_on() {
  if (auto cut_off = to_go_on_with(); !cut_off.empty()) add_note(kResume, kGoOn, std::move(cut_off));
}

/// Once for what a cold start has cut off, in the commit that ends the turn: a kill leaves the open turn or the note.
void Outcomes::tell_cut_off(std::vector<MessageId> messages) {
  auto const tells_it = [](auto const& entry) {
    auto const& d = entry.second;
    return d.is_local() && d.is_waiting() && (d.kind == kInterrupted || d.kind == kResume);
  };
  if (cold_start_.empty() || std::ranges::any_of(parts_.open.all(), tells_it)) return;
  auto tasks = to_go_on_with();
  auto text = cold_start_ + kCutOff;
  text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  if (!tasks.empty()) return add_note(kResume, text + kGoOnNow, std::move(tasks));
  std::erase_if(messages, [](MessageId id) { return id < 0; });  // which nobody knows by its number
  add_note(kInterrupted, messages.empty() ? text : text + kLeaveIt, std::move(messages));
}

/// A message of our own that names others. They end with its turn, unless it only tells.
void Outcomes::add_note(char const* kind, std::string text, std::vector<MessageId> about) {
  auto const id = parts_.open.next_local_id();
  std::string names;
  for (auto message : about) names += (names.empty() ? "message " : ", ") + std::to_string(message);
  parts_.open.add_local(id, {"agent-runner", kind, std::move(text)});
  auto& note = parts_.open.all().at(id);
  if (!names.empty()) note.subject = names;
  if (kind != std::string_view(kInterrupted)) note.continues = std::move(about);
  parts_.open.save(note);
}

std::vector<adapters::Prompt> Outcomes::open_turn() const {
  std::vector<Delivery const*> running;
  for (auto const& [id, d] : parts_.open.all())
    if (d.has_open_turn()) running.push_back(&d);
  std::ranges::sort(running, {}, [](Delivery const* d) { return d->steps.back().second; });
  std::vector<adapters::Prompt> prompts;
  for (auto const* d : running) prompts.push_back(prompt_of(*d, parts_.host.files_dir()));
  return prompts;
}

awaitable<std::optional<TurnEnded>> Outcomes::recorded_end(Turn const& turn) {
  std::vector<std::string> correlation_ids;
  for (auto const id : turn.messages)
    if (auto const it = parts_.open.all().find(id); it != parts_.open.all().end() && it->second.turn == turn.number)
      correlation_ids.push_back(it->second.correlation_id);
  return recorded_end(std::move(correlation_ids));
}

/// The turn that the journal says was running.
void Outcomes::take_up_turn() {
  Turn turn;
  for (auto const& [id, d] : parts_.open.all()) {
    if (!d.has_open_turn() || turns_.is_over(d.turn)) continue;
    turn.number = std::max(turn.number, d.turn);
    turn.messages.push_back(id);
    turn.started_at = d.steps.back().second;
  }
  auto const messages = turn.messages;
  turns_.take_up(std::move(turn));
  for (auto id : messages) parts_.open.all().at(id).turn = turns_.running()->number;
}

void Outcomes::on_adopted(bool turn_runs) {
  parts_.process.started();
  take_up_turn();
  turns_.adopted(turn_runs, parts_.store.id());
  for (auto const& [id, d] : parts_.open.all())
    if (d.state == State::unknown) parts_.process.outcome_wanted.insert(id);
  ask_again_about_cut_off();
  ask_to_go_on();
  on_gate_changed();
}

awaitable<void> Outcomes::on_process_gone(std::string cold_start) {
  cold_start_ = std::move(cold_start);
  parts_.process.ending = true;
  parts_.changed.notify_all();
  while (parts_.process.is_used()) co_await parts_.changed.wait();
  settle_early_end();
  co_await turns_.look_up_over();
  while (parts_.process.is_used()) co_await parts_.changed.wait();
  // Its turn may have ended before it did, with nobody there to see it.
  take_up_turn();
  co_await turns_.look_up_running();
  parts_.process.gone = true;
  for (auto& [id, d] : parts_.open.all())
    if (d.is_offered()) doubt(d, "the provider ended before it showed the notice to the model", {});
  for (auto id : parts_.process.given) parts_.process.outcome_wanted.insert(id);
  parts_.process.given.clear();
  // Their turn is cut off. Messages that carry a task stay running: the restored session is asked to go on with them.
  for (auto& [id, d] : parts_.open.all()) {
    if (!d.has_open_turn()) continue;
    bool const stood_still = stall_ && stall_->turn == d.turn;
    d.turn = 0;
    if (d.task)
      parts_.open.save(d);
    else if (stood_still)
      fail(d, "interrupted", "stalled", stall_->why + "; its process was started again");
    else
      fail(d, "interrupted", "", "the provider ended during this turn");
  }
  auto const cut_off = turns_.running() ? turns_.running()->messages : std::vector<MessageId>();
  bool const was_running = turns_.running() != nullptr;
  turns_.close(unseen_end("the provider ended during this turn"));
  if (was_running) tell_cut_off(cut_off);
  parts_.host.work().on_process_gone();
  parts_.host.work_changed();
  parts_.changed.notify_all();
}

void Outcomes::on_rest(bool is_over) {
  // A task waits for its restored session only while there will be one; whoever waits for it must hear of it.
  // So must who waits for an answer to be repaired. What a limit has cut off waits for a person's answer, and then for
  // the note that goes on with it; both wake a suspended agent.
  for (auto& [id, d] : parts_.open.all())
    if (d.state == State::running && !d.answer && (d.task || d.turn == 0) &&
        (is_over || (d.cut_off == 0 && !has_note(id)))) {
      d.turn = 0;
      if (auto const turn = std::exchange(d.cut_off, 0)) parts_.host.ask_no_more(turn);
      d.code.clear();
      end_delivery(d, Input::turn_failed, "interrupted: " + parts_.host.not_ready_reason());
    }
  on_gate_changed();
}

/// What the loop before this one had in hand when it ended by an exception.
void Outcomes::take_back_in_hand() {
  parts_.process.in_hand.reset();
  for (auto& [id, d] : parts_.open.all()) {
    if (d.is_offered()) continue;
    bool const in_hand = d.state == State::submitted;
    d.take(Input::interrupted);
    if (!in_hand) continue;
    d.reason = "a fault of agent-runner's while it was handed over; see its log";
    parts_.process.outcome_wanted.insert(id);
    parts_.open.save(d);
  }
}

Delivery* Outcomes::next_to_resolve() {
  for (auto id : parts_.process.outcome_wanted)
    if (auto it = parts_.open.all().find(id); it != parts_.open.all().end() && it->second.is_in_question())
      return &it->second;
  return nullptr;
}

}  // namespace ar::daemon
