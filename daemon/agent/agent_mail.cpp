// What an agent makes of what its provider says, and of what people want of it.
#include "daemon/agent/agent.hpp"
#include "daemon/agent/approvals.hpp"

#include <spdlog/spdlog.h>

namespace ar::daemon {
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMailKept = 10'000;

bool is_note(adapters::ProviderEvent const& event) { return std::holds_alternative<adapters::Noted>(event); }

bool is_proof(adapters::ProviderEvent const& event) { return std::holds_alternative<adapters::Accepted>(event); }

}  // namespace

void Agent::receive(Mail mail) {
  // Of a provider that says more than is read, notes are left out first: they are for the event log only.
  auto const* const event = std::get_if<adapters::ProviderEvent>(&mail);
  if (mailbox_.size() >= kMailKept && event && is_note(*event)) {
    ++notes_left_out_;
    return;
  }
  // Once its process ends, what becomes of its messages is decided: no proof may wait in a queue then.
  if (event && is_proof(*event) && process_.is_ending()) return on_event(*event);
  mailbox_.push_back(std::move(mail));
  mail_came_.notify_all();
}

awaitable<void> Agent::process_gone() {
  for (auto const& mail : mailbox_)
    if (auto const* event = std::get_if<adapters::ProviderEvent>(&mail); event && is_proof(*event)) on_event(*event);
  return queue_.on_process_gone();
}

awaitable<void> Agent::read_mail() {
  for (;;) {
    if (mailbox_.empty() && notes_left_out_ > 0 && !services_.journal.is_behind())
      services_.events.append(spec_.id, "notes.left_out", {{"count", std::exchange(notes_left_out_, 0)}});
    while (mailbox_.empty()) co_await mail_came_.wait();
    Mail const mail = std::move(mailbox_.front());
    mailbox_.pop_front();
    if (auto const* event = std::get_if<adapters::ProviderEvent>(&mail)) {
      if (is_proof(*event) || (process_.session() && !process_.is_ending())) on_event(*event);
    } else if (auto const& exit = std::get<Exit>(mail); process_.is_of(exit.provider_session)) {
      co_await process_.ended(exit.status);
    } else if (process_.is_launching()) {
      // It ended before launch() had its session open: look again when it has.
      while (process_.is_launching()) co_await changed_.wait();
      if (process_.is_of(exit.provider_session)) co_await process_.ended(exit.status);
    }
  }
}

void Agent::on_event(adapters::ProviderEvent const& event) {
  auto& events = services_.events;
  if (auto const* ready = std::get_if<adapters::Ready>(&event)) {
    on_ready(*ready);
  } else if (auto const* changed = std::get_if<adapters::SessionChanged>(&event)) {
    record_.session_id = changed->session_id;
    record_.set_transcript(changed->transcript);
    save();
    events.append(spec_.id, "session.changed", {{"sessionId", changed->session_id}});
  } else if (std::get_if<adapters::TurnStarted>(&event)) {
    queue_.on_turn_started();
  } else if (auto const* end = std::get_if<adapters::TurnEnded>(&event)) {
    queue_.on_turn_ended(*end);
  } else if (auto const* accepted = std::get_if<adapters::Accepted>(&event)) {
    queue_.on_accepted(accepted->correlation_id, accepted->proof);
  } else if (auto const* waiting = std::get_if<adapters::WaitingForPerson>(&event)) {
    events.append(spec_.id, "agent.waiting", {{"for", waiting->what}});
    (void)apply(AgentInput::person_needed, waiting->what);
    queue_.on_gate_changed();
  } else if (std::get_if<adapters::WaitingOver>(&event)) {
    (void)apply(!process_.is_ready() ? AgentInput::answered_at_start
                : turn_runs()        ? AgentInput::answered_in_turn
                                     : AgentInput::answered_idle,
                "a person answered");
    queue_.on_gate_changed();
  } else if (auto const* asked = std::get_if<adapters::Asked>(&event)) {
    services_.approvals.asked(spec_.id, process_.provider_session(), asked->request, spec_.request_input);
    publish();
  } else if (auto const* over = std::get_if<adapters::AskEnded>(&event)) {
    if (interrupting_)
      services_.approvals.withdraw(spec_.id);
    else
      services_.approvals.ended(spec_.id, over->key, over->answered);
    publish();
  } else if (std::get_if<adapters::NothingAsked>(&event)) {
    if (interrupting_)
      services_.approvals.withdraw(spec_.id);
    else
      services_.approvals.nothing_asked(spec_.id);
    publish();
  } else if (std::get_if<adapters::BlockChanged>(&event)) {
    queue_.on_gate_changed();
  } else if (auto const* use = std::get_if<adapters::ContextUse>(&event)) {
    view_.set_context_use(*use);
  } else if (auto const* started = std::get_if<adapters::WorkStarted>(&event)) {
    work_.start({started->kind, started->id, started->label, started->role, started->parent_id});
    events.append(spec_.id, started->kind + ".started", {{"id", started->id}, {"label", started->label}});
    publish();
  } else if (auto const* finished = std::get_if<adapters::WorkFinished>(&event)) {
    work_.finish(finished->kind, finished->id);
    events.append(spec_.id, finished->kind + ".finished", {{"id", finished->id}});
    publish();
  } else if (auto const* noted = std::get_if<adapters::Noted>(&event)) {
    if (services_.journal.is_behind())
      ++notes_left_out_;
    else
      events.append(spec_.id, noted->type, noted->data);
  }
}

void Agent::on_ready(adapters::Ready const& ready) {
  process_.set_ready();
  if (!ready.session_id.empty()) record_.session_id = ready.session_id;
  if (!ready.transcript.empty()) record_.set_transcript(ready.transcript);
  if (!ready.model.empty()) record_.model = ready.model;
  if (!record_.prompt_given && !spec_.prompt.empty()) {
    record_.prompt_given = true;
    queue_.offer_local(kInitialPrompt, kOperator, "prompt", spec_.prompt);
  }
  save();
  (void)apply(AgentInput::ready, "ready");
  if (turn_runs()) turn_changed("a turn runs");
  if (!process_.take_adopted()) return queue_.on_ready();
  queue_.on_adopted(ready.turn_runs || (!process_.session()->block_reason(false).empty() &&
                                        process_.session()->block_reason(true).empty()));
}

/// Of a process that starts or ends, its start or end says more.
void Agent::turn_changed(std::string reason) {
  if (!process_.is_ready()) return;
  (void)apply(turn_runs() ? AgentInput::turn_started : AgentInput::turn_ended, std::move(reason));
}

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

void Agent::answer(Approval const& approval) {
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

}  // namespace ar::daemon
