#include "adapters/acp/session.hpp"

#include "adapters/envelope.hpp"
#include "adapters/relay_note.hpp"
#include "adapters/relay_tools.hpp"
#include "base/ids.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::adapters::acp {

AcpSession::AcpSession(std::string name, SessionContext context, Options options)
    : name_(std::move(name)),
      ctx_(std::move(context)),
      options_(std::move(options)),
      files_(files_of(ctx_.request.agent_dir)),
      id_prefix_("ar-" + random_hex(4) + "-"),
      sending_(ctx_.executor),
      changed_(ctx_.executor),
      tasks_(ctx_.executor, name_ + " " + ctx_.request.agent_id) {}

void AcpSession::start() {
  gate_ = block_reason(false);
  tasks_.spawn_vital("run", run(), ctx_.on_death);
}

awaitable<void> AcpSession::stop() {
  ended_ = true;  // whoever waits for proof stops waiting
  changed_.notify_all();
  co_await tasks_.stop();
  if (auto const connection = std::exchange(connection_, nullptr)) co_await connection->stop();
}

Result<json> AcpSession::hook(std::string const& /*event*/, json const& /*payload*/) {
  return ok(json::object());  // everything comes over the connection
}

void AcpSession::emit(ProviderEvent event) const {
  if (ctx_.emit) ctx_.emit(std::move(event));
}

std::string AcpSession::block_reason(bool /*urgent*/) const {
  // Urgent or not: a second prompt would end the first one with some agents.
  if (ended_) return name_ + " has ended";
  if (quitting_) return name_ + " is about to end";
  if (!problem_.empty()) return problem_;
  if (!ready_) return name_ + " is starting";
  if (!connection_ || !live_) return "the connection to the agent's host is being made again";
  if (!waiting_.empty()) return "waiting for a person: " + waiting_;
  if (conversation_.prompt_runs()) return "a turn is running";
  return {};
}

void AcpSession::announce_gate() {
  changed_.notify_all();
  auto now = block_reason(false);
  if (now == gate_) return;
  gate_ = std::move(now);
  if (ready_ || !problem_.empty()) emit(BlockChanged{});
}

void AcpSession::set_problem(std::string problem) {
  if (problem == problem_) return;
  problem_ = std::move(problem);
  if (!problem_.empty()) spdlog::warn("agent {}: {}", ctx_.request.agent_id, problem_);
  tell_waiting();
  announce_gate();
}

/// What a person has to do first.
void AcpSession::tell_waiting() {
  std::string now = problem_;
  if (now.empty() && ready_ && ctx_.request.request_input && !conversation_.asks().empty())
    now = "permission: " + approval_of({}, conversation_.asks().begin()->second.params).summary;
  if (now == waiting_) return;
  auto const was = std::exchange(waiting_, std::move(now));
  if (!waiting_.empty())
    emit(WaitingForPerson{waiting_});
  else if (!was.empty())
    emit(WaitingOver{});
  announce_gate();
}

void AcpSession::on_line(std::string const& line, bool is_live) {
  if (is_live) become_live();
  conversation_.take(line);
  if (!live_) return;
  if (ready_) {
    look_at_asks();
    tell_waiting();
  }
  announce_gate();
}

/// While the record is read from its beginning, what it tells is old; what of it is news is told by become_live().
void AcpSession::on_event(ProviderEvent event) {
  if (!live_ || !ready_) return;
  if (std::holds_alternative<Asked>(event)) return;  // see look_at_asks()
  if (std::holds_alternative<TurnStarted>(event)) turn_told_ = true;
  if (std::holds_alternative<TurnEnded>(event)) turn_told_ = false;
  emit(std::move(event));
}

/// The connection had been lost: what of the running turn has changed meanwhile.
void AcpSession::become_live() {
  if (std::exchange(live_, true) || !ready_) return;
  bool const runs = conversation_.prompt_runs();
  if (turn_told_ && !runs) {
    TurnEnded end;
    end.outcome = TurnEnded::Outcome::unseen;
    end.error = "the turn ended while the connection to the agent's host was lost";
    emit(std::move(end));
  } else if (!turn_told_ && runs) {
    emit(TurnStarted{});
  }
  turn_told_ = runs;
  look_at_asks();
  tell_waiting();
  announce_gate();
}

/// Tells of what is asked and was not told; answers at once what needs no person.
void AcpSession::look_at_asks() {
  std::erase_if(asked_, [&](auto const& key) {
    return std::ranges::none_of(conversation_.asks(), [&](auto const& entry) { return entry.second.key == key; });
  });
  for (auto const& [number, ask] : conversation_.asks()) {
    if (!asked_.insert(ask.key).second) continue;
    if (ctx_.request.approval_mode == "full")
      respond(ask, Decision::approve);
    else if (!ctx_.request.request_input)
      respond(ask, Decision::deny);
    else
      emit(Asked{approval_of(ask.key, ask.params)});
  }
}

void AcpSession::answer(std::string const& key, Answer const& answer) {
  if (!answer.decision) return;  // it stays with the person at the terminal
  for (auto const& [number, ask] : conversation_.asks())
    if (ask.key == key) return respond(ask, answer.decision);
}

/// The host hands on the first answer only.
void AcpSession::respond(Conversation::Ask const& ask, std::optional<Decision> decision) {
  auto const connection = connection_;
  if (!connection) return;  // it is looked at again on the next one
  if (decision == Decision::abort) {
    json const cancel{
        {"jsonrpc", "2.0"}, {"method", "session/cancel"}, {"params", {{"sessionId", conversation_.session_id()}}}};
    return connection->send(cancel);  // the host answers what is asked
  }
  json const frame{{"jsonrpc", "2.0"}, {"id", ask.id}, {"result", outcome_for(ask.params, decision)}};
  connection->send(frame);
}

awaitable<bool> AcpSession::wait_for(std::function<bool()> condition, Clock::duration limit) {
  auto const deadline = Clock::now() + limit;
  while (!condition() && Clock::now() < deadline) co_await changed_.wait(deadline);
  co_return condition();
}

}  // namespace ar::adapters::acp
