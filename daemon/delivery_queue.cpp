#include "daemon/delivery_queue.hpp"

#include "base/ids.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;
using adapters::HandOutcome;
using adapters::Handing;
using adapters::Prompt;
using adapters::TurnEnded;
using adapters::Witness;
using State = DeliveryState;

namespace {

/// 0.5 s, 1 s, 2 s ... 30 s.
Clock::duration backoff(int attempts) {
  return std::min<Clock::duration>(30s, 500ms * (1 << std::clamp(attempts - 1, 0, 6)));
}
bool is_taken(State s) { return s == State::accepted || s == State::running || s == State::done || s == State::failed; }

constexpr auto kGoOn =
    "The provider ended in the middle of its work and was started again; your session was restored. Please go on with "
    "the task of the message(s) named in the subject where you were.";

}  // namespace

DeliveryQueue::DeliveryQueue(Services& services, std::string agent_id, DeliveryHost& host)
    : services_(services),
      agent_id_(std::move(agent_id)),
      host_(host),
      leases_(
          services.executor, services.bus,
          [this](relay::MessageId id, std::string token) {
            if (auto it = open_.find(id); it != open_.end()) {
              it->second.claim_token = std::move(token);
              save(it->second);
            }
          },
          [this](relay::MessageId id, Error const& error) {
            services_.events.append(agent_id_, "claim.lost", {{"message", id}, {"reason", error.message}});
            if (auto it = open_.find(id); it != open_.end()) {
              it->second.claim_token.clear();
              save(it->second);
            }
          }),
      changed_(services.executor),
      handing_(services.executor, "hand " + agent_id_) {}

void DeliveryQueue::load(std::vector<Delivery> open, std::vector<relay::MessageId> known) {
  known_.insert(known.begin(), known.end());
  for (auto& d : open) {
    known_.insert(d.message);
    // Handed by a daemon that is no more: whether it was typed, only the witness can tell.
    if (d.state == State::handed) d.state = State::unknown;
    if (d.state == State::claimed) d.state = State::queued;
    if (d.state == State::unknown) {
      in_process_.insert(d.message);
      d.reason = "the daemon was restarted while it was handed over";
    }
    if (!d.claim_token.empty()) {
      relay::Claim const claim{d.message, agent_id_, d.claim_token, wall_now(), 1};  // ended now: renewed at once
      leases_.hold(claim);
    }
    auto const id = d.message;
    open_.emplace(id, std::move(d));
  }
}

void DeliveryQueue::start(TaskGroup& tasks) {
  tasks.spawn("deliveries", run());
  tasks.spawn("leases", leases_.run());
}

awaitable<void> DeliveryQueue::stop() { co_await handing_.stop(); }

void DeliveryQueue::offer(relay::Message message) {
  if (!known_.insert(message.id).second) return;
  auto const id = message.id;
  auto& d = open_.emplace(id, new_delivery(std::move(message))).first->second;
  announce(d, "message.queued");
  host_.wanted();
  changed_.notify_all();
}

void DeliveryQueue::offer_local(relay::MessageId id, std::string from, std::string kind, std::string body) {
  if (!known_.insert(id).second) return;
  Delivery d;
  d.message = id;
  d.from = std::move(from);
  d.kind = std::move(kind);
  d.local_body = std::move(body);
  d.step("queued");
  auto& stored = open_.emplace(id, std::move(d)).first->second;
  save(stored);
  announce(stored, "message.queued");
  host_.wanted();
  changed_.notify_all();
}

relay::MessageId DeliveryQueue::next_local_id() {
  relay::MessageId id = kInitialPrompt - 1;
  while (known_.contains(id)) --id;
  return id;
}

// ---- the loop ----

awaitable<void> DeliveryQueue::run() {
  for (;;) {
    forget_settled();  // only here, where nothing refers to a delivery
    if (auto* d = next_to_report()) co_await report(*d);
    else if (auto* unknown = next_to_resolve()) co_await resolve(*unknown);
    else if (auto* next = next_to_hand()) co_await deliver(*next);
    else co_await changed_.wait(next_retry());
  }
}

Delivery* DeliveryQueue::next_to_report() {
  for (auto& [id, d] : open_)
    if (is_taken(d.state) && !d.is_local() && d.retry_at <= Clock::now() &&
        (!d.acknowledged || ((d.state == State::done || d.state == State::failed) && !d.reported)))
      return &d;
  return nullptr;
}

Delivery* DeliveryQueue::next_to_resolve() {
  for (auto id : ask_witness_)
    if (auto it = open_.find(id); it != open_.end() && it->second.state == State::unknown) return &it->second;
  return nullptr;
}

Delivery* DeliveryQueue::next_to_hand() {
  std::vector<Delivery*> waiting;
  bool blocked = false;
  for (auto& [id, d] : open_) {
    if (d.state == State::queued) waiting.push_back(&d);
    // Its text may still be in the provider's input: whatever is typed now could become one prompt with it.
    if (d.state == State::unknown && in_process_.contains(id)) blocked = true;
  }
  // What never was on the bus comes first, in the order it was given; then the bus's messages by id.
  std::ranges::sort(waiting, {}, [](Delivery const* d) { return std::pair(!d->is_local(), std::abs(d->message)); });
  auto const hold = [&](Delivery& d, std::string const& why, bool tell) {
    if (d.held == why) return;
    d.held = why;
    if (tell) services_.events.append(agent_id_, "message.held", {{"message", d.message}, {"reason", why}});
    services_.deliveries_changed.notify_all();
  };
  auto* const taker = host_.taker();
  for (Delivery* d : waiting) {
    if (!taker) {
      hold(*d, host_.why_not(), false);
    } else if (!d->is_local() && !host_.caught_up()) {
      hold(*d, "the messages before it are being fetched", false);
    } else if (blocked) {
      hold(*d, "an earlier message is unknown; see `agent-runner ps` and `message show`", true);
    } else if (auto const gate = taker->gate(d->urgent); !gate.empty()) {
      hold(*d, gate, !turn_);  // that a running turn ends first is no news
    } else if (d->retry_at <= Clock::now()) {
      return d;
    } else if (!d->urgent) {
      return nullptr;  // in order: those behind it wait as well
    }
  }
  return nullptr;
}

Clock::time_point DeliveryQueue::next_retry() const {
  auto next = Clock::time_point::max();
  for (auto const& [id, d] : open_)
    if (d.retry_at > Clock::now()) next = std::min(next, d.retry_at);
  return next;
}

// ---- handing over ----

awaitable<void> DeliveryQueue::deliver(Delivery& d) {
  auto const id = d.message;
  bool ours = true;
  if (d.claimable && d.claim_token.empty()) ours = co_await take_claim(d);
  if (!ours) co_return;
  auto prompt = co_await prepare(d);
  if (!prompt) {
    co_await give_back(d, prompt.error().message);
    co_return;
  }
  auto* const session = host_.taker();
  if (!session) {  // it went meanwhile
    d.state = State::queued;
    co_return;
  }

  if (d.nonce.empty()) d.nonce = random_hex(5);
  prompt->nonce = d.nonce;
  d.state = State::handed;
  d.step("handed");
  d.held.clear();
  d.reason.clear();
  ++d.attempts;
  save(d);
  auto const safe = co_await services_.journal.committed();
  if (!safe || host_.taker() != session) {  // nothing has been typed
    d.state = State::queued;
    save(d);
    if (!safe) co_await give_back(d, safe.error().message);
    co_return;
  }
  announce(d, "message.handed");
  host_.work().start({"message", std::to_string(id)});
  host_.work_changed();
  in_process_.insert(id);
  in_hand_ = id;
  session_in_use_ = true;
  auto const handing = co_await hand_over(*session, std::move(*prompt), d);
  session_in_use_ = false;
  in_hand_.reset();
  changed_.notify_all();
  host_.work().finish("message", std::to_string(id));
  if (handing.outcome == HandOutcome::held) {
    in_process_.erase(id);
    co_await give_back(d, handing.reason);
  } else {
    settle_outcome(d, handing);
  }
  if (auto end = std::exchange(early_end_, std::nullopt)) close_turn(*end);
  host_.work_changed();
}

awaitable<bool> DeliveryQueue::take_claim(Delivery& d) {
  auto claim = co_await services_.bus.claim(d.message, agent_id_);
  if (!claim) {
    if (claim.error().kind == ErrorKind::unavailable) {
      d.held = claim.error().message;
      d.retry_at = Clock::now() + backoff(++d.attempts);
      co_return false;
    }
    // Somebody else has it: not ours any more. Should it become free again, the bus offers it again.
    auto const id = d.message;
    known_.erase(id);
    open_.erase(id);
    co_return false;
  }
  d.claim_token = claim->token;
  d.state = State::claimed;
  d.step("claimed");
  leases_.hold(*claim);
  save(d);
  announce(d, "message.claimed");
  if (d.task) {
    relay::Task task{*d.task, relay::TaskStatus::in_progress, {}, json::object(), agent_id_, wall_now()};
    task.metadata["messageId"] = d.message;
    task.metadata["completedBy"] = "runner";
    auto set = co_await services_.bus.set_task(std::move(task));
    if (!set) spdlog::warn("agent {}: task {} could not be set in progress: {}", agent_id_, *d.task, set.error().message);
    host_.work().start({"task", std::to_string(*d.task)});
  }
  co_return true;
}

awaitable<Result<Prompt>> DeliveryQueue::prepare(Delivery& d) {
  Prompt prompt = prompt_of(d);
  if (d.is_local()) {
    prompt.body = d.local_body;
    co_return prompt;
  }
  if (!d.content) {
    auto message = co_await services_.bus.message(d.message);
    if (!message) co_return message.error();
    d.content = std::move(*message);
  }
  prompt.body = d.content->body;
  if (!d.content->attachments.empty()) prompt.attachments = co_await fetch_attachments(*d.content);
  co_return prompt;
}

awaitable<std::vector<std::string>> DeliveryQueue::fetch_attachments(relay::Message const& message) {
  std::vector<std::string> lines;
  int number = 0;
  for (auto const& attachment : message.attachments) {
    ++number;
    auto bytes = co_await services_.bus.attachment_bytes(attachment.id);
    std::string problem = bytes ? "" : bytes.error().message;
    // The sender's name for it may be anything; ours cannot leave the folder.
    auto const safe = is_safe_name(attachment.name) ? attachment.name : std::string("attachment");
    auto const file = host_.files_dir() / (std::to_string(message.id) + "-" + std::to_string(number) + "-" + safe);
    if (bytes) {
      auto job = [file, content = std::move(*bytes)] { return write_file(file, content); };
      auto written = co_await services_.files.run(std::move(job));
      if (!written) problem = written.error().message;
    }
    lines.push_back(problem.empty() ? file.string() : attachment.name + " (missing: " + problem + ")");
  }
  co_return lines;
}

awaitable<Handing> DeliveryQueue::hand_over(adapters::ProviderSession& session, Prompt prompt, Delivery& d) {
  // In a group of its own, so that it can be cut short when the process ends under it.
  auto result = std::make_shared<std::optional<Handing>>();
  auto attempt = [](DeliveryQueue* self, adapters::ProviderSession* to, Prompt what, Delivery* delivery,
                    std::shared_ptr<std::optional<Handing>> out) -> awaitable<void> {
    auto on_step = [delivery](std::string_view step) { delivery->step(std::string(step)); };
    auto handing = co_await to->hand(std::move(what), std::move(on_step));
    *out = std::move(handing);
    self->changed_.notify_all();
  };
  handing_.spawn("hand", attempt(this, &session, std::move(prompt), &d, result));
  process_gone_ = false;
  while (!*result && !process_gone_) co_await changed_.wait();
  if (!*result) co_await handing_.stop();
  if (*result) co_return std::move(**result);
  Handing cut;
  cut.outcome = HandOutcome::unknown;
  cut.reason = "the provider ended while it was handed over";
  co_return cut;
}

void DeliveryQueue::settle_outcome(Delivery& d, Handing const& handing) {
  if (is_taken(d.state)) return;  // a late proof was faster
  switch (handing.outcome) {
    case HandOutcome::accepted: accept(d, handing.proof); return;
    case HandOutcome::unverified:
      in_process_.erase(d.message);
      d.step("unverified");
      end_delivery(d, State::unverified, handing.reason);
      return;
    case HandOutcome::refused:
      in_process_.erase(d.message);
      end_delivery(d, State::refused, handing.reason);
      return;
    case HandOutcome::held:
    case HandOutcome::unknown: break;
  }
  d.state = State::unknown;
  d.reason = handing.reason;
  d.screen = handing.screen;
  d.step("unknown");
  ask_witness_.insert(d.message);
  save(d);
  announce(d, "message.unknown");
}

awaitable<void> DeliveryQueue::give_back(Delivery& d, std::string reason) {
  d.state = State::queued;
  d.held = std::move(reason);
  d.retry_at = Clock::now() + backoff(d.attempts);
  // The lease goes back, so that another agent may take the work; but not while this one could take it at the next
  // try: every lease that ends without finish counts toward the dead letters.
  auto* const session = host_.taker();
  bool const soon_again = session && session->gate(d.urgent).empty();
  if (!d.claim_token.empty() && !soon_again) {
    leases_.drop(d.message);
    auto const token = std::exchange(d.claim_token, {});
    (void)co_await services_.bus.release(d.message, token, 0ms);  // if this fails, the lease runs out by itself
    if (d.task) host_.work().finish("task", std::to_string(*d.task));
  }
  save(d);
  services_.events.append(agent_id_, "message.held", {{"message", d.message}, {"reason", d.held}});
  services_.deliveries_changed.notify_all();
}

// ---- what is unknown ----

awaitable<void> DeliveryQueue::resolve(Delivery& d) {
  ask_witness_.erase(d.message);
  auto const prompt = prompt_of(d);
  bool const running = in_process_.contains(d.message);
  Witness witness = Witness::pending;
  if (!running) witness = host_.witness_offline(prompt);
  else if (auto* session = host_.taker()) {
    session_in_use_ = true;
    witness = co_await session->witness(prompt, false);
    session_in_use_ = false;
    changed_.notify_all();
  }
  if (d.state != State::unknown) co_return;
  services_.events.append(agent_id_, "message.witness",
                          {{"message", d.message},
                           {"says", witness == Witness::accepted ? "accepted"
                                    : witness == Witness::absent ? "absent"
                                    : witness == Witness::pending ? "pending"
                                                                  : "blind"}});
  if (witness == Witness::accepted) {
    bool const turn_is_over = !turn_;
    accept(d, "transcript");
    if (turn_is_over) {
      TurnEnded end;
      end.outcome = running ? TurnEnded::Outcome::completed : TurnEnded::Outcome::interrupted;
      end.error = running ? "" : "the provider ended during this turn";
      close_turn(end);
    }
  } else if (witness == Witness::absent) {
    in_process_.erase(d.message);
    d.state = State::queued;
    d.reason.clear();
    d.screen.clear();
    d.retry_at = Clock::now();
    save(d);
    announce(d, "message.queued");
  }
}

// ---- what the provider says ----

void DeliveryQueue::on_accepted(std::string const& nonce, std::string const& proof) {
  for (auto& [id, d] : open_)
    if (d.nonce == nonce && (d.state == State::unknown || (d.state == State::handed && in_hand_ != id))) {
      accept(d, proof);
      break;
    }
  changed_.notify_all();
}

void DeliveryQueue::accept(Delivery& d, std::string const& proof) {
  d.state = State::accepted;
  d.proof = proof;
  d.reason.clear();
  d.screen.clear();
  d.step("accepted");
  in_process_.erase(d.message);
  ask_witness_.erase(d.message);
  announce(d, "message.accepted");
  if (!turn_) open_turn();
  turn_->messages.push_back(d.message);
  d.turn = turn_->number;
  d.state = State::running;
  d.step("running");
  for (auto id : d.continues)
    if (auto it = open_.find(id); it != open_.end()) it->second.turn = turn_->number;
  save(d);
  save(*turn_);
  changed_.notify_all();
}

void DeliveryQueue::on_turn_started() {
  if (!turn_) open_turn();
  changed_.notify_all();
}

void DeliveryQueue::open_turn() {
  turn_.emplace();
  turn_->number = host_.next_turn_number();
  turn_->started_at = wall_now();
  save(*turn_);
  services_.events.append(agent_id_, "turn.started", {{"turn", turn_->number}});
  host_.work().start({"provider-turn", "provider-turn"});
  host_.work_changed();
}

void DeliveryQueue::on_turn_ended(TurnEnded const& end) {
  // A short turn can end before its message's proof has been seen: then the end waits for the proof.
  bool const unproved = in_hand_ && (!turn_ || turn_->messages.empty());
  if (unproved) early_end_ = end;
  else close_turn(end);
  for (auto const& [id, d] : open_)
    if (d.state == State::unknown) ask_witness_.insert(id);
  changed_.notify_all();
}

void DeliveryQueue::close_turn(TurnEnded const& end) {
  if (!turn_) return;
  Turn turn = *std::exchange(turn_, std::nullopt);
  turn.ended_at = wall_now();
  turn.final_text = end.final_text;
  turn.error_kind = end.error_kind;
  turn.error = end.error;
  turn.status = end.outcome == TurnEnded::Outcome::completed ? "done"
                : end.outcome == TurnEnded::Outcome::failed  ? "failed"
                                                             : "interrupted";
  save(turn);
  services_.events.append(agent_id_, "turn.ended",
                          {{"turn", turn.number}, {"status", turn.status}, {"messages", turn.messages},
                           {"errorKind", turn.error_kind}, {"error", turn.error}});
  for (auto& [id, d] : open_) {
    if (d.turn != turn.number || d.state != State::running) continue;
    if (turn.status == "done") end_delivery(d, State::done, turn.final_text);
    else end_delivery(d, State::failed, turn.error.empty() ? turn.status : turn.status + ": " + turn.error);
  }
  host_.work().clear({"provider-turn"});
  host_.work_changed();
  changed_.notify_all();
}

void DeliveryQueue::end_delivery(Delivery& d, State state, std::string reason) {
  d.state = state;
  // Of a turn that went well the reason is its final text: the reply, where the sender asked for one.
  d.reason = std::move(reason);
  d.step(std::string(to_string(state)));
  d.retry_at = Clock::now();
  save(d);
  announce(d, state == State::done       ? "message.done"
              : state == State::failed   ? "message.failed"
              : state == State::refused  ? "message.refused"
                                         : "message.unverified");
  changed_.notify_all();
}

void DeliveryQueue::on_gate_changed() {
  for (auto& [id, d] : open_) {
    if (d.state == State::queued) d.retry_at = Clock::now();
    if (d.state == State::unknown) ask_witness_.insert(id);
  }
  changed_.notify_all();
}

void DeliveryQueue::on_ready() {
  std::vector<relay::MessageId> cut_off;
  for (auto const& [id, d] : open_) {
    if (d.state == State::unknown) ask_witness_.insert(id);
    if (d.state == State::running && d.task && !turn_) cut_off.push_back(id);
  }
  if (!cut_off.empty()) {
    auto const id = next_local_id();
    std::string names;
    for (auto message : cut_off) names += (names.empty() ? "message " : ", ") + std::to_string(message);
    offer_local(id, "agent-runner", "resume", kGoOn);
    auto& note = open_.at(id);
    note.subject = names;
    note.continues = std::move(cut_off);
    save(note);
  }
  on_gate_changed();
}

void DeliveryQueue::on_adopted(bool turn_runs) {
  Turn turn;
  for (auto const& [id, d] : open_) {
    if (d.state != State::running) continue;
    turn.number = std::max(turn.number, d.turn);
    turn.messages.push_back(id);
    turn.started_at = d.steps.back().second;
  }
  if (!turn_ && turn.number > 0) {
    turn_ = std::move(turn);
    for (auto id : turn_->messages) open_.at(id).turn = turn_->number;
    // How it ended nobody has seen; that it was taken is proved.
    TurnEnded end;
    if (!turn_runs) close_turn(end);
  } else if (turn_runs) {
    on_turn_started();
  }
  for (auto const& [id, d] : open_)
    if (d.state == State::unknown) ask_witness_.insert(id);
  on_gate_changed();
}

awaitable<void> DeliveryQueue::on_process_gone() {
  process_gone_ = true;
  changed_.notify_all();
  while (session_in_use_) co_await changed_.wait();
  for (auto id : in_process_) ask_witness_.insert(id);
  in_process_.clear();
  early_end_.reset();
  // Their turn is cut off. Messages that carry a task stay running: the restored session is asked to go on with them.
  auto const why = "interrupted: the provider ended during this turn";
  for (auto& [id, d] : open_) {
    if (d.state != State::running) continue;
    d.turn = 0;
    if (d.task) save(d);
    else end_delivery(d, State::failed, why);
  }
  TurnEnded end;
  end.outcome = TurnEnded::Outcome::interrupted;
  end.error = "the provider ended during this turn";
  close_turn(end);
  host_.work().clear({"provider-turn", "subagent", "message"});
  host_.work_changed();
  changed_.notify_all();
}

// ---- telling the bus ----

awaitable<void> DeliveryQueue::report(Delivery& d) {
  auto const safe = co_await services_.journal.committed();
  if (!safe) {
    d.retry_at = Clock::now() + 1s;
    co_return;
  }
  bool const ended = d.state == State::done || d.state == State::failed;
  auto& bus = services_.bus;
  auto const later = [&](Error const& error) {
    spdlog::debug("agent {}: message {} cannot be reported: {}", agent_id_, d.message, error.message);
    d.retry_at = Clock::now() + backoff(d.attempts);
  };
  if (!d.acknowledged) {
    Result<void> told;
    if (!d.claim_token.empty() && !d.task) {
      told = co_await bus.finish(d.message, d.claim_token);
      if (told) {
        leases_.drop(d.message);
        d.claim_token.clear();
      }
    } else {
      told = co_await bus.mark_read(d.message, agent_id_);
    }
    if (!told && told.error().kind == ErrorKind::unavailable) {
      later(told.error());
      co_return;
    }
    if (!told && told.error().kind != ErrorKind::not_found) {
      services_.events.append(agent_id_, "claim.lost", {{"message", d.message}, {"reason", told.error().message}});
      d.claim_token.clear();
      (void)co_await bus.mark_read(d.message, agent_id_);
    }
    d.acknowledged = true;
    d.step("acknowledged");
    save(d);
  }
  if (ended) {
    auto reported = co_await report_end(d);
    if (!reported && reported.error().kind == ErrorKind::unavailable) {
      later(reported.error());
      co_return;
    }
    d.reported = true;
    save(d);
  }
  services_.deliveries_changed.notify_all();
}

awaitable<Result<void>> DeliveryQueue::report_end(Delivery& d) {
  auto& bus = services_.bus;
  if (d.task && !d.claim_token.empty()) {
    bool const done = d.state == State::done;
    relay::Task task{*d.task, done ? relay::TaskStatus::done : relay::TaskStatus::failed, {}, json::object(), agent_id_,
                     wall_now()};
    task.body = done ? "message " + std::to_string(d.message) : d.reason;
    task.metadata["messageId"] = d.message;
    task.metadata["completedBy"] = "runner";
    auto set = co_await bus.set_task(std::move(task));
    if (!set && set.error().kind == ErrorKind::unavailable) co_return set.error();
    auto finished = co_await bus.finish(d.message, d.claim_token);
    if (!finished && finished.error().kind == ErrorKind::unavailable) co_return finished.error();
    leases_.drop(d.message);
    d.claim_token.clear();
  }
  if (d.task) host_.work().finish("task", std::to_string(*d.task));
  if (d.reply_requested && d.state == State::done && !d.reason.empty()) {
    auto owed = co_await bus.reply_obligations(agent_id_);
    if (!owed) co_return owed.error();
    bool const open = std::ranges::any_of(*owed, [&](auto const& m) { return m.id == d.message; });
    if (open) {
      relay::NewMessage reply;
      reply.from = agent_id_;
      reply.to = d.from;
      reply.kind = "reply";
      reply.body = d.reason;
      reply.reply_to = d.message;
      reply.payload["finalText"] = true;
      reply.idempotency_key = "final-text:" + agent_id_ + ":" + std::to_string(d.message);
      auto sent = co_await bus.send(std::move(reply));
      if (!sent) {
        if (sent.error().kind == ErrorKind::unavailable) co_return sent.error();
        spdlog::warn("agent {}: the reply to message {} was refused: {}", agent_id_, d.message, sent.error().message);
      }
    }
  }
  host_.work_changed();
  co_return Result<void>();
}

void DeliveryQueue::forget_settled() {
  if (std::erase_if(open_, [](auto const& entry) { return entry.second.is_settled(); }) > 0)
    services_.deliveries_changed.notify_all();
}

// ---- small ones ----

std::size_t DeliveryQueue::waiting() const {
  return static_cast<std::size_t>(std::ranges::count_if(open_, [](auto const& entry) {
    auto const state = entry.second.state;
    return state == State::queued || state == State::claimed || state == State::handed || state == State::unknown;
  }));
}

std::string DeliveryQueue::held_reason() const {
  for (auto const& [id, d] : open_) {
    if (d.state == State::unknown) return "message " + std::to_string(id) + " is unknown: " + d.reason;
    if (d.state == State::queued && !d.held.empty()) return d.held;
  }
  return {};
}

Prompt DeliveryQueue::prompt_of(Delivery const& d) const {
  Prompt prompt;
  prompt.message_id = d.is_local() ? 0 : d.message;
  prompt.nonce = d.nonce;
  prompt.from = d.from;
  prompt.kind = d.kind;
  prompt.subject = d.subject;
  prompt.urgent = d.urgent;
  prompt.reply_requested = d.reply_requested;
  prompt.body_file = host_.files_dir() / ("message-" + std::to_string(d.message) + ".txt");
  return prompt;
}

void DeliveryQueue::save(Delivery const& d) {
  auto change = [agent = agent_id_, id = d.message, state = std::string(to_string(d.state)), nonce = d.nonce,
                 record = to_text(to_journal(d)), open = !d.is_settled()](Database& db) {
    db.prepare("INSERT INTO deliveries(agent, message, state, nonce, record, open) VALUES(?1, ?2, ?3, ?4, ?5, ?6) "
               "ON CONFLICT(agent, message) DO UPDATE SET state = ?3, nonce = ?4, record = ?5, open = ?6")
        .bind(agent, id, state, nonce, record, open)
        .run();
  };
  services_.journal.write(std::move(change), [this] {
    services_.deliveries_changed.notify_all();
  });
}

void DeliveryQueue::save(Turn const& turn) {
  auto change = [agent = agent_id_, number = turn.number, record = to_text(to_json(turn))](Database& db) {
    db.prepare("INSERT INTO turns(agent, number, record) VALUES(?1, ?2, ?3) "
               "ON CONFLICT(agent, number) DO UPDATE SET record = ?3")
        .bind(agent, number, record)
        .run();
  };
  services_.journal.write(std::move(change));
}

void DeliveryQueue::announce(Delivery const& d, char const* type) {
  json data = {{"message", d.message}, {"from", d.from}, {"kind", d.kind}};
  if (!d.proof.empty()) data["proof"] = d.proof;
  if (!d.reason.empty() && d.state != State::done) data["reason"] = d.reason;
  if (d.turn > 0) data["turn"] = d.turn;
  services_.events.append(agent_id_, type, std::move(data));
}

}  // namespace ar::daemon
