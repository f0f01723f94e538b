#include "daemon/agent/agent.hpp"

#include "base/ids.hpp"
#include "base/overloaded.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/agent/child_result.hpp"
#include "daemon/agent/status_report.hpp"
#include "daemon/store/message_files.hpp"
#include "daemon/store/removed.hpp"
#include "daemon/store/runtime_state.hpp"
#include "daemon/store/tables/agent_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;

namespace {
constexpr auto kTellPatience = 1s;                                 ///< of an end, for the bus to hear of it
constexpr auto kMailPatience = 5s;                                 ///< of an order, for what has come before it
constexpr Clock::duration kFirstPause = 1s, kLongestPause = 5min;  ///< before what has failed is begun again

/// What moves its turn on. (Its figures, and that its input is closed, come for other reasons as well.)
bool is_sign_of_life(adapters::ProviderEvent const& event) {
  return !std::holds_alternative<adapters::ContextUse>(event) && !std::holds_alternative<adapters::BlockChanged>(event);
}

std::string key_of_continuation(std::int64_t turn) { return "continue turn " + std::to_string(turn); }

bool is_proof(adapters::ProviderEvent const& event) { return std::holds_alternative<adapters::Accepted>(event); }

}  // namespace

Agent::Agent(Services& services, std::shared_ptr<adapters::Adapter const> adapter, AgentSpec spec, AgentRecord record,
             AgentState state, AgentToken token, AgentOwner& owner)
    : services_(services),
      spec_(std::move(spec)),
      owner_(owner),
      record_(std::move(record)),
      state_(state),
      token_(services, spec_.id, std::move(token), *this),
      provider_(services, std::move(adapter), spec_, record_, token_.token()),
      mailbox_(services.executor),
      changed_(services.executor),
      turns_(services, spec_.id, work_, *this),
      queue_(services, spec_.id, turns_, *this),
      account_(services, spec_.id, record_, provider_, queue_.outcomes(), [this] { save(); }),
      budgets_(services.budgets.join(spec_.id, spec_.tags, *this)),
      process_(services, spec_, record_, token_, provider_, changed_, tasks_, *this),
      restarts_(services, spec_, record_, process_, provider_),
      retries_(services, spec_.id),
      stalls_({services, spec_, record_, state_, provider_, process_, turns_},
              [this](std::int64_t turn, std::string verb, std::string why) {
                return end_stalled(turn, std::move(verb), std::move(why));
              }),
      view_({services, spec_, record_, state_, provider_, token_, work_, queue_, retries_, stalls_}),
      usage_({services, spec_, record_, provider_, turns_},
             [this] {
               save();
               queue_.outcomes().on_gate_changed();
             }),
      callback_(services, spec_, record_),
      outputs_({services, spec_.id, spec_.cwd, spec_.output_dirs, record_.turns, record_.capture_due},
               [this] { save(); }),
      presence_(services, spec_, record_, *this),
      rest_({spec_, record_, state_, provider_, process_, turns_, queue_, work_, presence_},
            [this](std::string reason) { suspend_at_rest(std::move(reason)); }),
      verbs_({services, spec_, record_, state_, provider_, restarts_, process_, queue_, rest_, presence_, changed_},
             *this),
      commands_(services, spec_, tasks_, *this),
      tasks_(services.executor, "agent " + spec_.id) {
  queue_.outcomes().restore(ProviderHold::from_stored(record_.hold));
}

Agent::~Agent() = default;

// ---- beginning and end ----

AgentTable::Row Agent::prepare(DescriptorBudget::Place place) {
  process_.reserve(std::move(place));
  record_.created_at = record_.since = wall_now();
  record_.tmux_session = "ar-" + spec_.id;
  return row();
}

void Agent::begin() {
  join_bus();
  (void)apply(AgentInput::start, "first start");
}

awaitable<void> Agent::take_over(std::optional<terminal::FoundTerminal> found, std::string cold_start) {
  bool const alive = found && found->alive;
  join_bus();
  bool const wants_process = !is_at_rest(state_) && state_ != AgentState::stopping && state_ != AgentState::suspending;
  if (alive && wants_process) {
    auto const adopted = co_await process_.adopt(*found);
    if (adopted) co_return;
    spdlog::warn("agent {}: cannot adopt its process: {}", spec_.id, adopted.error().message);
  }
  if (found) {
    if (found->exit.known) found->exit.left = co_await services_.terminals.left_by(record_.tmux_session, found->pane);
    co_await process_.note_exit(std::move(found->exit));
  }
  // What it still takes, and writes into its record, must come before the record is asked.
  if (found || !is_at_rest(state_)) (void)co_await process_.clear_away();
  services_.approvals.withdraw(spec_.id);
  // Only who is started again is told.
  co_await queue_.outcomes().on_process_gone(wants_process ? cold_start : std::string());
  bool const is_cold = wants_process && !cold_start.empty();
  if (is_cold) record_.last_exit = cold_start_ = std::move(cold_start);
  switch (state_) {
    case AgentState::creating: (void)apply(AgentInput::start, "first start"); break;
    case AgentState::restarting:
      if (is_cold)
        perform(Action::recover);
      else
        (void)apply(AgentInput::restart_due, "the daemon was restarted");
      break;
    default:
      if (is_at_rest(state_)) {
        queue_.outcomes().on_rest(state_ != AgentState::suspended);
        wake_if_wanted();
        break;
      }
      (void)apply(AgentInput::exited, is_cold ? cold_start_ : "it ended while no daemon ran");
  }
}

awaitable<void> Agent::let_go() {
  letting_go_ = true;
  subscription_.reset();
  outputs_.stop();
  co_await tasks_.stop();
  co_await queue_.stop();
  co_await process_.let_go();
}

awaitable<Result<json>> Agent::erase(bool with_parent, std::string finished) {
  if (!is_at_rest(state_))
    co_return conflict("agent_running", "agent " + spec_.id + " is " + std::string(to_string(state_)) +
                                            "; stop it first: agent-runner stop " + spec_.id);
  if (std::exchange(removing_, true)) co_return being_removed();
  auto const cleared = co_await process_.clear_away();
  if (!cleared) {
    removing_ = false;
    co_return unavailable("not_removed", "agent " + spec_.id + " is not removed, since its terminal cannot be: " +
                                             cleared.error().message);
  }
  co_await let_go();
  if (!with_parent) note_result("removed", "It was removed before its first message had come to an end.");
  // A bus that is away cannot keep an agent here: it takes it for stale.
  if (auto const told = co_await queue_.tell_of_removal(); !told)
    spdlog::warn("agent {}: who waits for its replies is not told of its removal: {}", spec_.id, told.error().message);
  (void)co_await services_.bus.revoke_token(token().jti);
  (void)co_await services_.bus.remove_agent(spec_.id);
  json answer = {{"removed", spec_.id}};
  if (spec_.workspace.is_worktree()) answer["workspace"] = co_await remove_workspace(std::move(finished));
  callback_.ended("cancelled", "it was closed");
  services_.journal.write([id = spec_.id](Database& db) { AgentTable(db).erase(id); });
  services_.removed.note_agent(spec_.id, spec_.parent);
  services_.approvals.forget(spec_.id);
  services_.events.append(spec_.id, "agent.removed");
  auto job = [dir = services_.paths.agent_dir(spec_.id)]() -> Result<void> {
    std::error_code ec;
    std::filesystem::remove_all(dir, ec);
    return {};
  };
  (void)co_await provider_.files().run(std::move(job));  // after all that is still to be written there
  co_return ok(std::move(answer));
}

std::shared_ptr<void> Agent::begin_closing() {
  auto closing = closing_.lock();
  if (!closing) closing_ = closing = std::make_shared<char>();
  return closing;
}

json Agent::session() const {
  auto shown = view_.session(turn_runs(), verbs_.is_interrupting(), outputs_.bytes());
  if (removing_ || !closing_.expired()) shown["status"] = "deleting";
  return shown;
}

awaitable<Result<json>> Agent::act_alone(std::string verb, json params) {
  (void)co_await mailbox_.wait_until_caught_up(Clock::now() + kMailPatience);
  if (auto kept = check_kept(); !kept) co_return kept.error();
  co_return co_await verbs_.act(std::move(verb), std::move(params));
}

awaitable<Result<json>> Agent::act(std::string verb, json params) {
  if (verb == "stop" || verb == "kill") co_return co_await end_with_descendants(std::move(verb), std::move(params));
  co_return co_await act_alone(std::move(verb), std::move(params));
}

/// What its children tell it as they end must not set it to work, or wake it, for the moment that it has left.
awaitable<Result<json>> Agent::end_with_descendants(std::string verb, json params) {
  struct BeingEnded {
    Agent& agent;
    explicit BeingEnded(Agent& of) : agent(of) { ++agent.being_ended_; }
    ~BeingEnded() {
      if (--agent.being_ended_ > 0 || agent.letting_go_) return;
      agent.queue_.outcomes().on_gate_changed();
      agent.wake_if_wanted();
    }
  } const being_ended(*this);
  co_await owner_.end_descendants(spec_.id, verb, params);
  auto done = co_await act_alone(verb, params);
  if (done) co_await owner_.end_descendants(spec_.id, verb, params);
  co_return done;
}

std::optional<WallTime> Agent::deadline() const {
  if (spec_.deadline_ms == 0) return std::nullopt;
  return record_.created_at + milliseconds(spec_.deadline_ms);
}

awaitable<std::int64_t> Agent::cancel(std::string why) {
  auto const because = why.empty() ? "" : ": " + why;
  auto count = queue_.outcomes().withdraw_waiting(because);
  if (!turn_runs()) co_return count;
  json reason = {{"reason", "cancelled" + because}};
  auto const done = co_await act("interrupt", std::move(reason));
  co_return done ? count + 1 : count;
}

/// Once, also when no daemon ran as it came. What a daemon's end has cut off the next one does again.
awaitable<void> Agent::keep_deadline() {
  auto const due = *deadline();
  while (wall_now() < due) {
    bool const slept = co_await sleep_for(std::min<milliseconds>(due - wall_now(), 1h));
    if (!slept) co_return;
  }
  while (!process_.is_ready() && !is_at_rest(state_)) (void)co_await changed_.wait();  // it may be taken over just now
  (void)co_await fetch_unread();  // what came while no daemon ran waits on the bus
  record_.deadline_over = true;
  save();
  auto const count = co_await cancel("its deadline is over");
  if (letting_go_) co_return;
  record_.deadline_kept = true;
  if (callback_.is_due() && !has_work_left()) callback_.ended("cancelled", "its deadline is over");
  save();
  services_.events.append(spec_.id, "agent.deadline", {{"deadlineMs", spec_.deadline_ms}, {"cancelled", count}});
}

/// What the provider has said in the meantime counts: another turn must not be ended for this one.
awaitable<Result<json>> Agent::end_stalled(std::int64_t turn, std::string verb, std::string why) {
  (void)co_await mailbox_.wait_until_caught_up(Clock::now() + kMailPatience);
  if (running_turn() != turn || stalls_.shown().is_null())
    co_return conflict("wrong_state", "turn " + std::to_string(turn) + " moves again, or is over");
  queue_.outcomes().stands_still(turn, why);
  if (auto kept = check_kept(); !kept) co_return kept.error();
  json params = {{"reason", "stalled: " + why}};
  co_return co_await verbs_.act(std::move(verb), std::move(params), AgentVerbs::By::daemon);
}

void Agent::suspend_at_rest(std::string reason) {
  set_end(false, milliseconds(verbs_.shutdown_timeout_ms()));
  (void)apply(AgentInput::suspend, std::move(reason));
}

Result<void> Agent::check_kept() const {
  if (removing_) return being_removed();
  return {};
}

Error Agent::being_removed() const {
  return conflict("agent_removed", "agent " + spec_.id + " is being removed; spawn it anew once it is gone");
}

/// Its worktree goes with it, unless something would be lost: then people are told where it is.
awaitable<json> Agent::remove_workspace(std::string finished) {
  auto const done = co_await remove_worktree(services_.executor, spec_.workspace, std::move(finished));
  auto shown = to_json(spec_.workspace);
  shown["removed"] = done && done->removed;
  shown["branchDeleted"] = done && done->branch_deleted;
  if (auto const kept = done ? done->kept : done.error().message; !kept.empty()) shown["kept"] = kept;
  services_.events.append(spec_.id, shown.contains("kept") ? "workspace.kept" : "workspace.removed", shown);
  co_return shown;
}

std::vector<std::string> Agent::token_hashes() const {
  std::vector<std::string> hashes{token_.hash()};
  if (!record_.process_token_hash.empty()) hashes.push_back(record_.process_token_hash);
  return hashes;
}

// ---- what its provider says ----

void Agent::receive(Mail mail) {
  // Once its process ends, what becomes of its messages is decided: no proof may wait in a queue then.
  auto const* const event = std::get_if<adapters::ProviderEvent>(&mail);
  if (event && is_proof(*event) && process_.is_ending()) return on_event(*event);
  mailbox_.put(std::move(mail));
}

awaitable<void> Agent::process_gone() {
  for (auto const& mail : mailbox_.waiting())
    if (auto const* event = std::get_if<adapters::ProviderEvent>(&mail); event && is_proof(*event)) on_event(*event);
  return queue_.outcomes().on_process_gone();
}

awaitable<void> Agent::read_mail() {
  for (;;) {
    if (mailbox_.empty() && mailbox_.has_left_out() && !services_.journal.is_behind())
      services_.events.append(spec_.id, "notes.left_out", {{"count", mailbox_.take_left_out()}});
    while (mailbox_.empty()) (void)co_await mailbox_.wait();
    Mail const mail = mailbox_.take();
    struct Taken {
      AgentMailbox& from;
      explicit Taken(AgentMailbox& mailbox) : from(mailbox) {}
      ~Taken() { from.done(); }
    } const taken(mailbox_);
    if (auto const* event = std::get_if<adapters::ProviderEvent>(&mail)) {
      if (is_proof(*event) || (process_.session() && !process_.is_ending())) on_event(*event);
    } else if (auto const& exit = std::get<ProcessExit>(mail); process_.is_of(exit.provider_session)) {
      co_await process_.ended(exit.status);
    } else if (process_.is_launching()) {
      // It ended before launch() had its session open: look again when it has.
      while (process_.is_launching()) co_await changed_.wait();
      if (process_.is_of(exit.provider_session)) co_await process_.ended(exit.status);
    }
  }
}

void Agent::on_event(adapters::ProviderEvent const& event) {
  if (is_sign_of_life(event)) stalls_.heard();
  auto& events = services_.events;
  auto& outcomes = queue_.outcomes();
  std::visit(
      Overloaded{
          [&](adapters::Ready const& ready) { on_ready(ready); },
          [&](adapters::SessionChanged const& changed) {
            record_.session_id = changed.session_id;
            record_.set_transcript(changed.transcript);
            save();
            usage_.look_again();
            events.append(spec_.id, "session.changed", {{"sessionId", changed.session_id}});
          },
          [&](adapters::TurnStarted const&) { outcomes.on_turn_started(); },
          [&](adapters::TurnEnded const& end) { outcomes.on_turn_ended(end); },
          [&](adapters::Retrying const& retry) { retries_.heard(retry); },
          [&](adapters::Accepted const& accepted) { outcomes.on_accepted(accepted.correlation_id, accepted.proof); },
          [&](adapters::WaitingForPerson const& waiting) {
            events.append(spec_.id, "agent.waiting", {{"for", waiting.what}});
            (void)apply(AgentInput::person_needed, waiting.what);
            outcomes.on_gate_changed();
          },
          [&](adapters::WaitingOver const&) {
            (void)apply(!process_.is_ready() ? AgentInput::answered_at_start
                        : turn_runs()        ? AgentInput::answered_in_turn
                                             : AgentInput::answered_idle,
                        "a person answered");
            outcomes.on_gate_changed();
          },
          [&](adapters::Asked const& asked) {
            services_.approvals.asked(asker_of(spec_), process_.provider_session(), asked.request, spec_.request_input);
            publish();
          },
          [&](adapters::AskEnded const& over) {
            if (verbs_.is_interrupting())
              services_.approvals.withdraw(spec_.id);
            else
              services_.approvals.ended(spec_.id, over.key, over.answered);
            publish();
          },
          [&](adapters::NothingAsked const&) {
            if (verbs_.is_interrupting())
              services_.approvals.withdraw(spec_.id);
            else
              services_.approvals.nothing_asked(spec_.id);
            publish();
          },
          [&](adapters::BlockChanged const&) { outcomes.on_gate_changed(); },
          [&](adapters::ContextUse const& use) {
            view_.set_context_use(use);
            if (use.cost_usd) usage_.cost_is(*use.cost_usd);
          },
          [&](adapters::WorkStarted const& started) {
            work_.start({started.kind, started.id, started.label, started.role, started.parent_id});
            events.append(spec_.id, started.kind + ".started", {{"id", started.id}, {"label", started.label}});
            publish();
          },
          [&](adapters::WorkFinished const& finished) {
            work_.finish(finished.kind, finished.id);
            events.append(spec_.id, finished.kind + ".finished", {{"id", finished.id}});
            publish();
          },
          [&](adapters::Noted const& noted) {
            if (services_.journal.is_behind())
              mailbox_.leave_out_note();
            else
              events.append(spec_.id, noted.type, noted.data);
          },
      },
      event);
}

void Agent::on_ready(adapters::Ready const& ready) {
  process_.set_ready();
  if (!ready.session_id.empty()) record_.session_id = ready.session_id;
  if (!ready.transcript.empty()) record_.set_transcript(ready.transcript);
  if (!ready.model.empty()) record_.model = ready.model;
  if (!record_.prompt_given && !spec_.prompt.empty()) {
    record_.prompt_given = true;
    queue_.deliveries().add_local(kInitialPrompt, {spec_.user, "prompt", spec_.prompt});
  }
  save();
  usage_.look_again();
  (void)apply(AgentInput::ready, "ready");
  if (turn_runs()) turn_changed("a turn runs");
  if (!process_.take_adopted()) return queue_.outcomes().on_ready();
  queue_.outcomes().on_adopted(ready.turn_runs || (!process_.session()->block_reason(false).empty() &&
                                                   process_.session()->block_reason(true).empty()));
}

/// Of a process that starts or ends, its start or end says more.
void Agent::turn_changed(std::string reason) {
  stalls_.look_again();
  if (!process_.is_ready()) return;
  (void)apply(turn_runs() ? AgentInput::turn_started : AgentInput::turn_ended, std::move(reason));
}

void Agent::turn_over(Turn const& turn, adapters::TurnEnded const& end) {
  auto const lasted = (turn.ended_at - turn.started_at).count();
  record_.active_ms += lasted;
  if (turn.number == record_.turns) {
    record_.last_turn_ms = lasted;
    record_.last_turn = turn.status;
  }
  callback_.note(turn);
  retries_.turn_over(turn.number);
  bool const owed = outputs_.capture();
  // Else with the change of state that comes with it.
  if (usage_.turn_over(turn.number) || owed) save();
  queue_.outcomes().on_turn_over(turn, end);
  if (!callback_.is_due() || has_work_left()) return;
  callback_.turn_over(turn);
  save();
}

void Agent::message_over(Delivery const& delivery) {
  // The result is of what it was given first. What goes on after a crash, or was added to its context, is not that.
  if (!delivery.is_local() || delivery.message == kInitialPrompt)
    note_result(delivery.state == DeliveryState::done ? "completed" : "failed", delivery.reason);
  bool const is_checked = delivery.has_step(kChecked);
  bool const tells_its_turn = delivery.turn > 0 && !is_checked;  // which has more to tell
  bool const is_note = !delivery.continues.empty();
  if (!callback_.is_due() || tells_its_turn || is_note || has_work_left()) return;
  bool const withdrawn = delivery.state == DeliveryState::failed && !delivery.has_step("accepted");
  if (is_checked)
    callback_.message_checked(delivery);
  else
    callback_.ended(withdrawn ? "cancelled" : "failed", delivery.reason);
  save();
}

bool Agent::has_work_left() const {
  return is_at_work() ||
         std::ranges::any_of(queue_.open(), [](auto const& entry) { return !entry.second.has_ended(); });
}

// ---- the state machine ----

Result<void> Agent::apply(AgentInput input, std::string reason) {
  if (auto kept = check_kept(); !kept) return kept;
  auto const [next, action] = next_state(state_, input);
  if (action == Action::refuse)
    return conflict("wrong_state", "agent " + spec_.id + " is " + std::string(to_string(state_)) + " and cannot " +
                                       std::string(to_string(input)) + " now; see `agent-runner ps`");
  if (next != state_) {
    auto const before = std::exchange(state_, next);
    record_.since = wall_now();
    if (next == AgentState::idle) record_.idle_at = record_.since;
    if (is_at_rest(next)) outputs_.capture();
    record_.reason = reason;
    if (next == AgentState::failed)
      work_.set_terminal("error");
    else if (is_at_rest(next) || next == AgentState::restarting)
      work_.set_terminal("offline");
    else if (next == AgentState::idle || next == AgentState::busy)
      work_.clear_terminal();
    if (next == AgentState::failed || next == AgentState::stopped)
      callback_.ended(next == AgentState::failed ? "failed" : "cancelled", reason);
    view_.set_lifecycle_action(next == AgentState::stopping     ? (hard_ ? "killing" : "shutting-down")
                               : next == AgentState::restarting ? "restarting"
                                                                : "");
    save();
    services_.events.append(spec_.id, "agent.state",
                            {{"state", to_string(next)}, {"before", to_string(before)}, {"reason", reason}});
    spdlog::info("agent {}: {} -> {} ({})", spec_.id, to_string(before), to_string(next), reason);
    if (next == AgentState::stopped || next == AgentState::failed) note_result(std::string(to_string(next)), reason);
    publish();
    token_.look_again();
    stalls_.look_again();
    changed_.notify_all();
  }
  perform(action);
  return {};
}

void Agent::perform(Action action) {
  switch (action) {
    case Action::none:
    case Action::refuse: return;
    case Action::launch:
      if (process_.is_launching()) return;
      process_.decide_launch();
      ++epoch_;
      faults_ = 0;
      spawn_vital("launch", process_.launch());
      break;
    case Action::terminate: spawn_vital("terminate", terminate(++epoch_)); break;
    case Action::recover:
      ++epoch_;
      recover();
      break;
    case Action::settle:
      ++epoch_;
      queue_.outcomes().on_rest(state_ != AgentState::suspended);
      wake_if_wanted();
      break;
  }
}

void Agent::spawn_vital(std::string name, awaitable<void> task) {
  auto died = [this, name](std::string const& why) { fault(name, why); };
  tasks_.spawn_vital(name, std::move(task), std::move(died));
}

void Agent::keep_up(DeliveryQueue::Loop loop) {
  auto died = [this, loop](std::string const& why) {
    fault(loop.first, why);
    if (!letting_go_) tasks_.spawn(loop.first + " again", begin_again(loop, epoch_));
  };
  tasks_.spawn_vital(loop.first, loop.second(), std::move(died));
}

awaitable<void> Agent::begin_again(DeliveryQueue::Loop loop, std::uint64_t decision) {
  auto const pause = std::min(kFirstPause * (1 << std::min(faults_, 10)), kLongestPause);
  auto const due = Clock::now() + pause;
  while (Clock::now() < due && !is_stale(decision)) co_await changed_.wait(due);
  keep_up(std::move(loop));
}

void Agent::fault(std::string const& part, std::string const& why) {
  if (letting_go_) return;
  ++faults_;
  auto const text = "its part \"" + part + "\" ended by an internal error: " + why;
  spdlog::error("agent {}: {}", spec_.id, text);
  services_.events.append(spec_.id, "agent.fault", {{"part", part}, {"reason", why}});
  (void)apply(AgentInput::faulted,
              text + "; see the daemon's log, then `agent-runner restart " + spec_.id + "` starts it again");
}

/// What came while it was being suspended found nobody to wake.
void Agent::wake_if_wanted() {
  if (rest_.is_wanted()) wanted();
}

// ---- its process ----

/// One that is being ended takes no more work.
bool Agent::is_ready() const {
  return work_.is_ready() && state_ != AgentState::stopping && state_ != AgentState::suspending;
}

void Agent::launched(bool resumed) {
  restarts_.on_launched();
  account_.look_again();
  queue_.on_process_started();
  (void)apply(AgentInput::launched, resumed ? "started, session resumed" : "started");
}

/// An end that was asked for keeps its reason; how the process took it is in the event.
void Agent::ended() {
  bool const asked_for = state_ == AgentState::stopping || state_ == AgentState::suspending;
  (void)apply(AgentInput::exited, asked_for ? record_.reason : record_.last_exit);
}

void Agent::end_again() {
  view_.set_lifecycle_action("killing");
  publish();
  perform(Action::terminate);
}

awaitable<void> Agent::terminate(std::uint64_t decision) {
  bool const hard = std::exchange(hard_, false);
  auto const patience = std::exchange(patience_, milliseconds(verbs_.shutdown_timeout_ms()));
  // Who looks at the bus must not give work to an agent whose process is being ended.
  co_await presence_.told(Clock::now() + kTellPatience);
  if (is_stale(decision)) co_return;
  auto const deadline = Clock::now() + (patience.count() > 0 ? patience : 10'000ms);
  bool const was_there = co_await process_.end(hard, deadline, [this, decision] { return is_stale(decision); });
  if (was_there) co_return;
  if (state_ == AgentState::failed) (void)co_await process_.clear_away();  // what a start that failed half way has left
  if (!process_.is_ending() && !is_stale(decision)) (void)apply(AgentInput::exited, record_.reason);
}

void Agent::launch_failed(Error const& error) {
  // An agent that ran before is not given up because the disk is full, the tmux server has just been killed, or an
  // update replaces its program.
  bool const may_pass = is_transient(error) || error.code == "cli_missing";
  if (error.code != "cli_missing") restarts_.on_found();
  if (!may_pass || state_ != AgentState::restarting) {
    (void)apply(AgentInput::launch_failed, error.message);
    return;
  }
  auto const next = restarts_.after_failed_launch(error);
  if (!next.wait) return give_up(next.why);
  if (std::exchange(record_.reason, next.why) != next.why) save();
  spawn_vital("launch again", restart_later(*next.wait, epoch_));
}

void Agent::recover() {
  auto const next =
      cold_start_.empty() ? restarts_.after_exit() : restarts_.after_cold_start(std::exchange(cold_start_, {}));
  if (!next.wait) return give_up(next.why);
  ++record_.restarts;
  record_.reason = next.why;
  save();
  spawn_vital("restart", restart_later(*next.wait, epoch_));
}

void Agent::give_up(std::string const& why) {
  auto const text = why + "; see `agent-runner events " + spec_.id + "`, then `agent-runner restart " + spec_.id + "`";
  spdlog::error("agent {}: {}", spec_.id, text);
  (void)apply(AgentInput::gave_up, text);
}

awaitable<void> Agent::restart_later(milliseconds wait, std::uint64_t decision) {
  bool const due = co_await sleep_for(wait);
  if (due && !is_stale(decision)) (void)apply(AgentInput::restart_due, "restart after " + record_.last_exit);
}

// ---- the bus ----

void Agent::join_bus() {
  relay::BusHints hints;
  hints.message = [this](Message const& message) { queue_.intake().offer(message); };
  hints.command = [this](Command const& command) { commands_.take(command); };
  subscription_ = services_.bus.subscribe(identity(), spec_.id, std::move(hints));
  keep_up({"mail", [this] { return read_mail(); }});
  keep_up({"bus", [this] { return presence_.run(); }});
  keep_up({"token", [this] { return token_.keep_fresh(); }});
  if (spec_.deadline_ms > 0 && !record_.deadline_kept) keep_up({"deadline", [this] { return keep_deadline(); }});
  keep_up({"account", [this] { return account_.run(); }});
  keep_up({"usage", [this] { return usage_.run(); }});
  keep_up({"outputs", [this] { return outputs_.run(); }});
  keep_up({"stalls", [this] { return stalls_.run(); }});
  if (spec_.idle_ttl_ms > 0) keep_up({"idle", [this] { return rest_.watch(); }});
  for (auto& loop : queue_.loops()) keep_up(std::move(loop));
}

awaitable<Result<void>> Agent::fetch_unread() {
  auto const fetched = co_await queue_.intake().fetch_unread(identity());
  if (!fetched) co_return fetched.error();
  co_return co_await fetch_commands();
}

awaitable<Result<void>> Agent::fetch_commands() {
  std::vector<std::string> targets{spec_.id};
  auto commands = co_await services_.bus.commands_for(std::move(targets));
  if (!commands) co_return commands.error();
  for (auto const& command : *commands) commands_.take(command);
  co_return Result<void>();
}

void Agent::bus_reached() {
  queue_.store().reached();
  publish();
}

void Agent::store_changed() { presence_.register_again(); }

// ---- its token ----

bool Agent::speaks() const {
  return !is_at_rest(state_) && state_ != AgentState::creating && state_ != AgentState::restarting;
}

void Agent::token_changed() {
  owner_.tokens_changed(*this);
  publish();
}

void Agent::token_ended() {
  queue_.outcomes().on_gate_changed();
  publish();
}

// ---- hooks, and the terminal ----

Result<void> Agent::check_hook(std::string const& event, std::string const& provider_session) const {
  if (!process_.session())
    return conflict("agent_not_running",
                    "agent " + spec_.id + " has no running provider; the hook " + event + " is ignored");
  if (!process_.is_of(provider_session))
    return conflict(
        "stale_provider_session",
        "the hook " + event + " comes from an earlier provider process of agent " + spec_.id + " and is ignored");
  return {};
}

Result<json> Agent::hook(std::string const& event, std::string const& provider_session, json const& payload) {
  if (auto checked = check_hook(event, provider_session); !checked) return checked.error();
  return process_.session()->hook(event, payload);
}

awaitable<Result<json>> Agent::ask(std::string provider_session, std::string call, json payload) {
  if (auto checked = check_hook("PermissionRequest", provider_session); !checked) co_return checked.error();
  auto const session = process_.session();  // it may be let go while the hook waits
  co_return co_await session->ask(std::move(call), std::move(payload));
}

void Agent::ask_left(std::string const& provider_session, std::string const& call) {
  if (process_.session() && process_.is_of(provider_session)) process_.session()->ask_left(call);
}

Result<json> Agent::report_status(json const& body) {
  auto report = status_report_from(body);
  if (!report) return report.error();
  if (!process_.is_ready() || !is_live(state_))
    return conflict("agent_not_running", "agent " + spec_.id + " is " + std::string(to_string(state_)) +
                                             ": its status is the daemon's to tell until its process is ready");
  if (!report->provider_session.empty() && !process_.is_of(report->provider_session))
    return conflict("stale_provider_session",
                    "the status is of an earlier provider process of agent " + spec_.id + " and is ignored");
  if (auto done = ar::daemon::apply(*report, work_, turn_runs()); !done) return done.error();
  if (!report->timeline.is_null()) presence_.set_timeline_event(std::move(report->timeline));
  if (!services_.journal.is_behind()) services_.events.append(spec_.id, "program.status", body);
  publish();
  return ok({{"status", work_.status()}, {"ready", is_ready()}, {"work", work_.meta()["activeWork"]}});
}

void Agent::answer(Approval const& approval) {
  if (approval.request.kind == adapters::ApprovalRequest::Kind::continuation)
    queue_.outcomes().go_on(approval.request.input.value("turn", std::int64_t{0}),
                            approval.answer.decision == adapters::Decision::approve);
  if (process_.session() && process_.is_of(approval.provider_session))
    process_.session()->answer(approval.request.key, approval.answer);
  publish();
}

awaitable<Result<terminal::Screen>> Agent::screen() {
  auto const terminal = process_.terminal();
  if (!terminal && record_.last_lines.empty())
    co_return conflict("agent_not_running",
                       "agent " + spec_.id + " is " + std::string(to_string(state_)) + " and has no screen");
  if (!terminal) {
    terminal::Screen left;
    left.lines = record_.last_lines;
    co_return left;
  }
  co_return co_await terminal->capture();
}

awaitable<Result<json>> Agent::transcript(std::int64_t cursor, int limit) {
  auto const conversation = record_.session_id;
  auto const page = co_await provider_.transcript(cursor, static_cast<std::size_t>(limit));
  if (!page) co_return page.error();
  json answer = {{"conversation", conversation}, {"rows", json::array()}, {"cursor", page->cursor}};
  for (auto const& row : page->rows) answer["rows"].push_back(adapters::to_json(row));
  if (page->more) answer["nextCursor"] = page->cursor;
  co_return ok(std::move(answer));
}

std::vector<Agent::Conversation> Agent::conversations() const {
  std::vector<Conversation> found;
  if (!transcript_parser()) return found;
  if (!record_.earlier_transcript.empty()) found.push_back({"", record_.earlier_transcript});
  if (!record_.transcript.empty()) found.push_back({record_.session_id, record_.transcript});
  return found;
}

// ---- deliveries ----

adapters::ProviderSession* Agent::ready_session() {
  if (!process_.is_ready() || !token_.why_invalid().empty() || being_ended_ > 0) return nullptr;
  return state_ == AgentState::idle || state_ == AgentState::busy ? process_.session().get() : nullptr;
}

std::string Agent::not_ready_reason() const {
  if (auto why = token_.why_invalid(); !why.empty()) return why;
  if (being_ended_ > 0) return "the agent is being stopped, after its children";
  switch (state_) {
    case AgentState::waiting: return "waits for a person: " + record_.reason;
    case AgentState::failed: return "the agent has failed: " + record_.reason;
    case AgentState::stopped: return "the agent is stopped; `agent-runner restart " + spec_.id + "` starts it";
    default: return "the agent is " + std::string(to_string(state_));
  }
}

std::string Agent::no_bus() const {
  auto const refused = services_.bus.refusal(spec_.id);
  return refused ? refused->message : std::string();
}

void Agent::wanted() {
  if (state_ == AgentState::suspended && being_ended_ == 0 && !services_.runtime.is_paused())
    (void)apply(AgentInput::wake, "a message came");
}

/// Once. It and what the bus is to be told of it are written in one commit.
void Agent::note_result(std::string outcome, std::string const& text) {
  if (!spec_.report_end || !record_.result.empty() || !services_.lineage.find(spec_.parent)) return;
  record_.result = std::move(outcome);
  save();
  auto told = child_json(spec_);
  told["outcome"] = record_.result;
  services_.events.append(spec_.parent, "child.result", std::move(told));
  queue_.owe(result_of_child(spec_, record_, text));
}

void Agent::on_pause_changed() {
  queue_.outcomes().on_gate_changed();
  wake_if_wanted();
}

void Agent::hold_changed() {
  if (removing_) return;
  record_.hold = queue_.outcomes().hold().stored();
  save();
  publish();
}

bool Agent::hides_cost() const { return !record_.usage.shown().is_null() && record_.usage.shown_cost().is_null(); }

void Agent::ask_to_go_on(std::int64_t turn, std::string const& cut_off_by) {
  adapters::ApprovalRequest request;
  request.key = key_of_continuation(turn);
  request.kind = adapters::ApprovalRequest::Kind::continuation;
  request.summary = adapters::one_line("go on with the turn that was cut off by " + cut_off_by);
  request.input = {{"turn", turn}, {"account", record_.account}};
  request.choices = {adapters::Decision::approve, adapters::Decision::deny};
  services_.approvals.asked(asker_of(spec_), "", std::move(request), spec_.request_input);
  publish();
}

void Agent::ask_no_more(std::int64_t turn) { services_.approvals.withdraw(spec_.id, key_of_continuation(turn)); }

std::filesystem::path Agent::files_dir() const { return message_files_dir(services_.paths, spec_.id); }

AgentTable::Row Agent::row() const {
  return {spec_.id, to_text(to_journal(spec_)), std::string(to_string(state_)), to_text(to_json(record_))};
}

void Agent::save() {
  services_.journal.write([row = row()](Database& db) { AgentTable(db).put(row); });
}

}  // namespace ar::daemon
