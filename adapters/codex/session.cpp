#include "adapters/codex/session.hpp"

#include "adapters/codex/protocol.hpp"
#include "adapters/codex/tool_use.hpp"
#include "adapters/exit_diagnostic.hpp"
#include "adapters/reset_time.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::adapters::codex {
namespace {

constexpr std::size_t kTakenKept = 500;
constexpr std::size_t kTurnsKept = 50;

/// What a turn holds before the model has given anything.
bool is_no_deed(std::string_view item_type) {
  return item_type == "userMessage" || item_type == "reasoning" || item_type == "contextCompaction";
}

}  // namespace

CodexSession::CodexSession(SessionContext context, Options options)
    : ctx_(std::move(context)),
      options_(std::move(options)),
      files_(files_of(ctx_.request)),
      home_(codex_home(launch_environment(ctx_.request, options_))),
      row_(&newest_row()),
      thread_(ctx_.session_id),
      asked_(ctx_.adopted),
      sending_(ctx_.executor),
      changed_(ctx_.executor),
      tasks_(ctx_.executor, "codex " + ctx_.request.agent_id) {
  if (!ctx_.transcript.empty()) record_.emplace(ctx_.transcript);
}

void CodexSession::start() {
  gate_ = block_reason(false);
  tasks_.spawn_vital("run", run(), ctx_.on_death);
}

awaitable<void> CodexSession::stop() {
  ended_ = true;  // whoever waits for proof stops waiting
  changed_.notify_all();
  co_await tasks_.stop();
  if (auto const connection = std::exchange(connection_, nullptr)) co_await connection->stop();
}

void CodexSession::emit(ProviderEvent event) const {
  if (ctx_.emit) ctx_.emit(std::move(event));
}

Result<json> CodexSession::hook(std::string const& /*event*/, json const& /*payload*/) {
  return ok(json::object());  // everything comes over the connection
}

std::optional<ToolCall> CodexSession::tool_call(std::string const& event, json const& payload) const {
  return tool_call_of(event, payload);
}

ToolAnswer CodexSession::tool_answer(std::string const& event, json const& payload, ToolVerdict const& verdict) {
  return tool_answer_to(event, payload, verdict);
}

std::string CodexSession::block_reason(bool urgent) const {
  if (ended_) return "Codex has ended";
  if (quitting_) return "Codex is about to end";
  if (!problem_.empty()) return problem_;
  if (!ready_) return "Codex is starting";
  if (!connection_) return "the connection to Codex's app server is being made again";
  if (!waiting_.empty()) return "waiting for a person: " + waiting_;
  if (compacting_) return "the context is being compacted";
  if (!urgent && !turn_.empty()) return "a turn is running";
  return {};
}

void CodexSession::announce_gate() {
  changed_.notify_all();
  auto now = block_reason(false);
  if (now == gate_) return;
  gate_ = now;
  emit(BlockChanged{});
}

/// What a person has to do first: answer, or put right what keeps Codex from working.
void CodexSession::tell_waiting() {
  // Of a thread that is not ready yet nothing is told before Ready: the daemon learns first that a turn runs.
  auto now = !problem_.empty()                        ? problem_
             : !ready_ || !ctx_.request.request_input ? std::string()
             : !asks_.empty()                         ? asks_.begin()->second.waiting_for
                                                      : flag_;
  if (now == waiting_) return;
  auto const was = std::exchange(waiting_, std::move(now));
  if (!waiting_.empty())
    emit(WaitingForPerson{waiting_});
  else if (!was.empty())
    emit(WaitingOver{});
  announce_gate();
}

void CodexSession::set_problem(std::string problem) {
  if (problem == problem_) return;
  problem_ = std::move(problem);
  if (!problem_.empty()) spdlog::warn("agent {}: {}", ctx_.request.agent_id, problem_);
  tell_waiting();
  announce_gate();
}

void CodexSession::on_frame(json const& frame) {
  auto const method = frame.at("method").get<std::string>();
  auto const& params = object_at(frame, "params");
  if (auto const id = frame.find("id"); id != frame.end())
    on_request(method, *id, params);
  else
    on_notification(method, params);
}

void CodexSession::on_notification(std::string const& method, json const& params) {
  if (method == "thread/started") return on_other_thread(object_at(params, "thread"));
  if (method == "account/rateLimits/updated") {
    limit_ends_ = limit_end(object_at(params, "rateLimits"));
    return;
  }
  if (method == "configWarning") return on_config_warning(params);
  if (method == "thread/status/changed" && text_at(params, {"threadId"}) != thread_)
    return on_thread_status(text_at(params, {"threadId"}), thread_status(object_at(params, "status")));
  if (text_at(params, {"threadId"}) != thread_ || thread_.empty()) return;
  if (method == "item/completed" || method == "item/started") return on_item(method == "item/completed", params);
  if (method == "turn/started") return turn_started(text_at(params, {"turn", "id"}));
  if (method == "turn/completed") {
    auto const& turn = object_at(params, "turn");
    if (auto end = turn_end(turn, last_text_)) turn_ended(text_at(turn, {"id"}), std::move(*end));
    return;
  }
  if (method == "thread/tokenUsage/updated") {
    if (auto use = context_use(object_at(params, "tokenUsage"))) emit(std::move(*use));
    return;
  }
  if (method == "serverRequest/resolved") {
    if (params.contains("requestId")) on_request_resolved(params["requestId"]);
    return;
  }
  if (method == "thread/status/changed") {
    auto const status = thread_status(object_at(params, "status"));
    flag_ = status.waits_for_approval ? "an approval" : status.waits_for_input ? "an answer" : "";
    if (flag_.empty()) flags_cleared();
    tell_waiting();
    // Unloaded behind our back: attach again, which resumes it.
    if (!status.loaded && ready_) attach_again();
    return;
  }
  if (method == "error") {
    auto const& error = object_at(params, "error");
    if (truth_at(params, "willRetry")) return emit(retrying(error, ++attempts_));
    auto const info = error.find("codexErrorInfo");
    emit(Noted{"provider.error", json{{"message", text_at(error, {"message"})},
                                      {"kind", error_kind(info == error.end() ? json() : *info)}}});
  }
}

/// The model has answered.
void CodexSession::got_through() {
  if (std::exchange(attempts_, 0) > 0) emit(Retrying{});
}

/// It tells of missing programs as well; those have no place in a file.
void CodexSession::on_config_warning(json const& params) {
  if (text_at(params, {"path"}).empty()) return;
  auto const details = text_at(params, {"details"}), summary = text_at(params, {"summary"});
  auto fault = details.empty() ? summary : details;
  std::ranges::replace(fault, '\n', ' ');
  config_fault_ = exit_diagnostic(fault, {});
  config_ignored_ = config_ignored_ || summary.find("using defaults") != std::string::npos;
}

void CodexSession::on_item(bool finished, json const& params) {
  auto const& item = object_at(params, "item");
  auto const type = text_at(item, {"type"});
  did_nothing_ = did_nothing_ && is_no_deed(type);
  if (type != "userMessage") got_through();
  if (type == "userMessage") {
    auto correlation_id = correlation_id_of(text_at(item, {"clientId"}));
    if (!finished || correlation_id.empty() || proven(correlation_id)) return;
    taken_.push_back(correlation_id);
    if (taken_.size() > kTakenKept) taken_.pop_front();
    if (correlation_id != in_hand_) emit(Accepted{std::move(correlation_id), "api"});
    changed_.notify_all();
  } else if (type == "agentMessage") {
    if (finished) last_text_ = text_at(item, {"text"});
  } else if (type == "contextCompaction") {
    compacting_ = !finished;
    if (!finished) ++compactions_;
    emit(Noted{finished ? "compaction.finished" : "compaction.started"});
    announce_gate();
  } else if (auto event = tool_event(finished, item)) {
    if (type == "fileChange" && !finished) keep_changes(item);
    emit(std::move(*event));
  }
}

void CodexSession::turn_started(std::string const& id) {
  if (id.empty() || id == turn_ || turn_is_over(id)) return;
  turn_ = id;
  last_text_.clear();
  did_nothing_ = true;
  attempts_ = 0;
  emit(TurnStarted{});
  announce_gate();
}

void CodexSession::turn_ended(std::string const& id, TurnEnded end) {
  if (turn_is_over(id)) return;
  ended_turns_.push_back(id);
  if (ended_turns_.size() > kTurnsKept) ended_turns_.pop_front();
  if (turn_.empty())
    emit(TurnStarted{});  // so short that nobody said it began
  else if (turn_ != id)
    return announce_gate();
  turn_.clear();
  if (std::exchange(compacting_, false)) emit(Noted{"compaction.failed"});
  end_asks();
  flag_.clear();
  end.did_nothing = std::exchange(did_nothing_, false);
  if (end.outcome == TurnEnded::Outcome::failed) {
    read_reset_time(end, launch_environment(ctx_.request, options_));
    if (!end.resets_at) end.resets_at = limit_ends_;
  }
  emit(std::move(end));
  tell_waiting();
  announce_gate();
}

/// A thread that is neither ours nor one of its helpers': the person at the terminal began it, and our thread
/// is no longer shown there.
void CodexSession::on_other_thread(json const& thread) {
  auto const id = text_at(thread, {"id"});
  if (id.empty() || id == thread_ || !ready_) return;
  if (is_subagent(thread)) return note_subagent(thread);
  if (starting_thread_ || truth_at(thread, "ephemeral") || !text_at(thread, {"attachedToThreadId"}).empty()) return;
  emit(Noted{"view.returned", json{{"thread", id}, {"reason", "a person began another thread at the terminal"}}});
  show_thread(true);
}

bool CodexSession::proven(std::string const& correlation_id) const {
  return std::ranges::find(taken_, correlation_id) != taken_.end();
}

bool CodexSession::turn_is_over(std::string const& id) const {
  return std::ranges::find(ended_turns_, id) != ended_turns_.end();
}

bool CodexSession::record_holds(std::string const& correlation_id) {
  if (!record_) return false;
  record_->read();
  return record_->holds(correlation_id);
}

awaitable<bool> CodexSession::wait_for(std::function<bool()> condition, Clock::duration limit) {
  auto const deadline = Clock::now() + limit;
  while (!condition() && Clock::now() < deadline) co_await changed_.wait(deadline);
  co_return condition();
}

}  // namespace ar::adapters::codex
