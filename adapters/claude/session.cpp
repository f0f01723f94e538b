#include "adapters/claude/session.hpp"

#include "adapters/claude/launch.hpp"
#include "adapters/claude/turn_record.hpp"
#include "adapters/reset_time.hpp"
#include "base/paths.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>

namespace ar::adapters::claude {
namespace {

/// The CLI writes "idle" when its Stop hooks have ended, ours and others'; a turn that is over for this long without
/// one was interrupted.
constexpr std::size_t kSignsKept = 1000;
constexpr auto kStopGrace = milliseconds(700);
/// The state file is there a moment before SessionStart's hook; without that hook by then, it will not come.
constexpr auto kReadyGrace = milliseconds(3'000);
/// A hook that waits for a person is back from its lost daemon within this.
constexpr auto kHooksComeBack = milliseconds(2'000);
constexpr std::size_t kToolInputShown = 4096;

/// Larger than any count of tokens, price or time in seconds: not a number of this file.
constexpr double kNoNumber = 1e15;

/// The number at a path of object keys; 0 when absent, or beyond kNoNumber.
double number_at(json const& payload, std::initializer_list<char const*> keys) {
  json const* at = &payload;
  for (auto const* key : keys) {
    if (!at->is_object() || !at->contains(key)) return 0;
    at = &(*at)[key];
  }
  auto const number = at->is_number() ? at->get<double>() : 0;
  return std::abs(number) < kNoNumber ? number : 0;
}

}  // namespace

ClaudeSession::ClaudeSession(SessionContext context, Options options)
    : ctx_(std::move(context)),
      options_(std::move(options)),
      row_(&newest_row()),
      session_id_(ctx_.session_id),
      asked_(ctx_.adopted),
      files_(ctx_.executor, &ctx_.files),
      keyboard_(ctx_.executor),
      changed_(ctx_.executor),
      tasks_(ctx_.executor, "claude " + ctx_.request.agent_id) {
  auto const environment = launch_environment(ctx_.request, options_);
  config_dir_ = config_dir(environment);
  if (auto const home = environment.find("HOME"); home != environment.end()) home_ = home->second;
}

void ClaudeSession::emit(ProviderEvent event) const {
  if (ctx_.emit) ctx_.emit(std::move(event));
}

void ClaudeSession::start() {
  if (ctx_.adopted) settled_at_ = Clock::now() + kHooksComeBack;
  if (auto added = files_.add(config_dir_ / "sessions"); !added)
    spdlog::error("{}: {}", ctx_.request.agent_id, added.error().message);
  for (auto const& known : {ctx_.transcript, ctx_.earlier_transcript})
    if (!known.empty()) records_.insert(known);
  gate_ = block_reason(false);
  read_live_state();
  std::filesystem::path transcript = ctx_.transcript;
  // While no daemon ran it may have gone on with another session (/clear): then the journal's record is an old one.
  bool const moved = ctx_.adopted && live_ && !live_->session_id.empty() && live_->session_id != session_id_;
  if (moved) session_id_ = live_->session_id;
  if ((moved || transcript.empty()) && !session_id_.empty())
    transcript = transcript_file(config_dir_, ctx_.request.cwd, session_id_);
  // What an adopted session did before is asked of the record as a whole (query_outcome), not replayed as news.
  if (!transcript.empty()) follow(transcript, true);
  if (ctx_.adopted && live_ && !ready_) become_ready(session_id_, transcript.string(), {}, true);
  tasks_.spawn_vital("files", watch_files(), ctx_.on_death);
  tasks_.spawn_vital("start", watch_start(), ctx_.on_death);
}

awaitable<void> ClaudeSession::stop() {
  ended_ = true;  // whoever waits for proof stops waiting
  changed_.notify_all();
  co_await tasks_.stop();
}

std::string ClaudeSession::block_reason(bool urgent) const {
  bool const all_by_socket = options_.road == Options::Road::socket && has_socket() && !socket_unheard_;
  return all_by_socket ? closed_socket(urgent) : closed_terminal(urgent);
}

std::string ClaudeSession::closed_terminal(bool urgent) const {
  if (ended_) return "Claude Code has ended";
  if (!waiting_.empty()) return "waiting for a person: " + waiting_;
  if (live_ && live_->waiting() && !limit_menu_) return "waiting for a person: " + live_->waiting_for;
  if (!ready_) return "Claude Code is starting";
  if (compacting_) return "the context is being compacted";
  if (!blocked_.empty() && !limit_menu_) return blocked_;  // which was in the way before it was known as one to close
  if (!urgent && (turn_running_ || (live_ && live_->busy()))) return "a turn is running";
  return {};
}

/// A view or a draft in the composer's place is no work.
awaitable<std::string> ClaudeSession::running_work() {
  read_live_state();
  // The record may tell of a turn's end before the live state does.
  std::function<bool()> const agreed = [this] { return turn_running_ || ended_ || !live_ || !live_->busy(); };
  if (ready_ && !compacting_) co_await wait_for(agreed, kStopGrace);
  if (!ready_) co_return "its start";
  if (compacting_) co_return "a compaction of its context";
  if (turn_running_ || (live_ && live_->busy())) co_return "a turn";
  if (live_ && live_->status == LiveState::Status::shell) co_return "a command in the background";
  if (live_ && !live_->at_rest() && !limit_menu_) co_return "something that waits for a person";
  co_return std::string();
}

void ClaudeSession::announce_gate() {
  changed_.notify_all();
  auto now = block_reason(false);
  if (now == gate_) return;
  gate_ = std::move(now);
  emit(BlockChanged{});
}

void ClaudeSession::become_ready(std::string session_id, std::string transcript, std::string model, bool resumed) {
  session_id_ = std::move(session_id);
  if (!transcript.empty()) follow(transcript, ctx_.adopted || resumed);
  auto const first = !ready_;
  ready_ = true;
  ended_ = false;
  if (first) {
    dialog_over();
    waiting_for({});
  }
  if (first && ctx_.adopted && live_ && !live_->at_rest() && !turn_running_) {  // it waits for a permission, too
    turn_running_ = true;
    tool_called_ = true;  // for all that is known
    ++turns_;
    tasks_.spawn_vital("retries", watch_retries(turns_), ctx_.on_death);
  }
  emit(Ready{session_id_, std::move(transcript), std::move(model), turn_running_});
  if (live_ && !live_->waiting()) end_asks();
  tell_asked();
  announce_gate();
}

void ClaudeSession::follow(std::filesystem::path transcript, bool from_end) {
  if (transcript_ && transcript_->path() == transcript) return;
  if (auto added = files_.add(transcript.parent_path()); !added)
    spdlog::error("{}: {}", ctx_.request.agent_id, added.error().message);
  std::error_code ec;
  auto const size = from_end ? std::filesystem::file_size(transcript, ec) : 0;
  records_.insert(transcript);
  transcript_.emplace(std::move(transcript), ec ? 0 : size);
  read_transcript();
}

void ClaudeSession::turn_started() {
  turn_running_ = true;
  ++turns_;
  interrupted_ = false;
  proposed_.reset();
  emit(TurnStarted{});
  tasks_.spawn_vital("retries", watch_retries(turns_), ctx_.on_death);
  announce_gate();
}

void ClaudeSession::turn_ended(TurnEnded ended) {
  proposed_.reset();
  if (!turn_running_) return;
  turn_running_ = false;
  tool_called_ = model_spoke_ = false;
  interrupted_ = false;
  compaction_over();
  emit(std::move(ended));
  if (!live_ || !live_->waiting()) end_asks();
  tell_asked();
  announce_gate();
}

void ClaudeSession::waiting_for(std::string what) {
  if (what == waiting_) return;
  auto const was = std::exchange(waiting_, std::move(what));
  if (!waiting_.empty())
    emit(WaitingForPerson{waiting_});
  else if (!was.empty())
    emit(WaitingOver{});
  announce_gate();
}

void ClaudeSession::read_live_state() {
  auto const text = read_file(live_state_file(config_dir_, ctx_.terminal->pid()), 1U << 20);
  if (!text) return;  // not up yet, or gone: the terminal's exit tells
  // At first it holds no status yet.
  if (auto const record = parse_object(*text); record && !text_at(*record, "version").empty())
    row_ = &row_for(text_at(*record, "version"));
  if (auto state = parse_live_state(*text)) on_live_state(std::move(*state));
}

void ClaudeSession::on_live_state(LiveState now) {
  auto const was = std::exchange(live_, std::move(now));
  if (!was && !ready_) tasks_.spawn_vital("ready", ready_without_hook(), ctx_.on_death);
  if (proposed_ && live_->at_rest()) {
    read_transcript();  // an Escape shows nowhere else
    end_as_proposed();
  }
  if (was && was->status == live_->status && was->waiting_for == live_->waiting_for) return;
  ++live_changes_;
  if (ready_ && !live_->waiting()) end_asks();
  if (ready_ || live_->waiting()) tell_asked();
  if ((live_->busy() != turn_running_ || compacting_) && !live_->waiting())
    tasks_.spawn_vital("settle", settle(live_changes_, turns_), ctx_.on_death);
  announce_gate();
}

awaitable<void> ClaudeSession::ready_without_hook() {
  auto const waited = co_await sleep_for(kReadyGrace);
  if (!waited || ready_ || !live_) co_return;
  auto const record = transcript_file(config_dir_, ctx_.request.cwd, live_->session_id);
  become_ready(live_->session_id, record.string(), {}, !ctx_.request.resume_session.empty());
}

/// The live state and the hooks disagree about a turn: whoever is late has this long to speak.
awaitable<void> ClaudeSession::settle(std::uint64_t change, std::uint64_t turn) {
  auto const waited = co_await sleep_for(kStopGrace);
  if (!waited || change != live_changes_ || turn != turns_ || !live_) co_return;
  if (live_->busy() && !turn_running_ && !compacting_) turn_started();
  if (!live_->at_rest()) co_return;
  compaction_over();
  if (turn_running_) end_by_grace();
  announce_gate();
}

/// One that failed or was cancelled fires no PostCompact.
void ClaudeSession::compaction_over() {
  if (std::exchange(compacting_, false)) emit(Noted{"compaction.failed"});
}

void ClaudeSession::end_by_grace() {
  read_transcript();
  TurnEnded ended;
  ended.outcome = interrupted_ ? TurnEnded::Outcome::interrupted : TurnEnded::Outcome::unseen;
  ended.final_text = last_text_;
  ended.error = interrupted_ ? "interrupted by a person" : "the turn ended without saying how";
  turn_ended(std::move(ended));
}

void ClaudeSession::read_transcript() {
  if (!transcript_) return;
  std::vector<TranscriptFact> facts;
  while (transcript_->read(facts)) {
  }
  for (auto const& fact : facts) on_fact(fact);
  if (!facts.empty()) announce_gate();
}

/// Whoever waits for its proof asks soon, if anybody does.
void ClaudeSession::note_early(std::string const& correlation_id) {
  early_.try_emplace(correlation_id, wall_now());
  if (early_.size() <= kSignsKept) return;
  auto const oldest = std::ranges::min_element(early_, {}, [](auto const& sign) { return sign.second; });
  submitted_.erase(oldest->first);
  early_.erase(oldest);
}

void ClaudeSession::on_fact(TranscriptFact const& fact) {
  std::vector<std::string> fresh;
  if (fact.kind == TranscriptFact::Kind::consumed)
    std::ranges::copy_if(fact.correlation_ids, std::back_inserter(fresh),
                         [&](auto const& correlation_id) { return !ledger_.consumed(correlation_id); });
  ledger_.add(fact);
  // Once in the CLI's own queue it needs no Enter any more.
  if (fact.kind == TranscriptFact::Kind::enqueued)
    for (auto const& correlation_id : fact.correlation_ids) note_early(correlation_id);
  for (auto const& correlation_id : fresh) {
    notices_.forget(correlation_id);
    written_.erase(correlation_id);
    if (correlation_id != in_hand_)
      emit(Accepted{correlation_id, "transcript"});
    else
      altered_ = fact.text.find(in_hand_text_) == std::string::npos;
  }
  // Until the line of its prompt, what comes is of the turn before.
  if (fact.kind == TranscriptFact::Kind::prompted) model_spoke_ = false;
  if (fact.kind == TranscriptFact::Kind::assistant) model_spoke_ = true;
  if (fact.kind == TranscriptFact::Kind::assistant && !fact.text.empty()) last_text_ = fact.text;
  // The live state may not say it: a person has a menu open, or the next turn began at once.
  if (fact.kind == TranscriptFact::Kind::turn_ended && fact.text == "turn_duration") end_as_proposed();
  if (fact.kind == TranscriptFact::Kind::interrupted && turn_running_) {
    interrupted_ = true;
    // Without a live state file this line is the only sign of the turn's end.
    if (!live_ || live_->at_rest()) end_by_grace();
  }
}

awaitable<void> ClaudeSession::watch_files() {
  auto const live_name = live_state_file(config_dir_, ctx_.terminal->pid()).filename().string();
  while (true) {
    auto const changes = co_await files_.next();
    if (files_.broken()) co_return;
    if (changes.everything || changes.names.contains(live_name)) read_live_state();
    if (changes.everything || (transcript_ && changes.names.contains(transcript_->path().filename().string())))
      read_transcript();
  }
}

/// A start that shows no life stands at a question that fires no hook: the screen says which.
awaitable<void> ClaudeSession::watch_start() {
  if (ready_) co_return;
  auto const patience = ctx_.adopted ? Clock::duration::zero() : Clock::duration(row_->stuck_start);
  std::function<bool()> const show_life = [this] { return ready_ || live_.has_value() || !ctx_.terminal->alive(); };
  auto const alive = co_await wait_for(show_life, patience);
  if (alive) co_return;
  auto watch = ctx_.terminal->watch_output();
  std::optional<Clock::time_point> unclear_since;
  while (!ready_ && ctx_.terminal->alive()) {
    bool copy_mode = false;
    std::string screen;
    auto const view = co_await look(copy_mode, &screen);
    if (live_ || ready_) break;
    if (view && view->kind == View::Kind::composer) {
      // It is up, and tells it by neither hook nor state file (an adopted one of an old version): the screen
      // will do.
      become_ready(session_id_, transcript_ ? transcript_->path().string() : std::string(), {}, ctx_.adopted);
      break;
    }
    auto again = Clock::now() + std::chrono::minutes(1);
    if (view) {
      bool const is_known = view->kind == View::Kind::overlay;
      waiting_for(is_known ? view->name + " (at the start)" : "the start: " + view->name);
      if (is_known)
        unclear_since.reset();
      else if (!unclear_since)
        unclear_since = Clock::now();
      // What is not known may only be drawn just now.
      auto const due = is_known ? Clock::now() : *unclear_since + row_->stuck_start;
      if (Clock::now() >= due) {
        tell_dialog("Claude Code shows at its start: " + view->name, screen);
      } else {
        dialog_over();
        again = due;
      }
    }
    if (!watch) co_return;
    co_await (*watch)->wait(again);
  }
}

Result<json> ClaudeSession::hook(std::string const& event, json const& payload) {
  auto const of_subagent = !text_at(payload, "agent_id").empty();
  if (!of_subagent && event != "SessionStart" && event != "SessionEnd") follow_session(payload);
  auto output = json::object();
  if (event == "SessionStart") {
    hook_session_start(payload);
    if (options_.monitor) output = tell_of_bell();
  } else if (event == "FileChanged") {
    output = hook_file_changed();
  } else if (event == "UserPromptSubmit") {
    auto const correlation_ids = whole_envelopes(text_at(payload, "prompt"));
    for (auto const& correlation_id : correlation_ids) note_early(correlation_id);
    submitted_.insert(correlation_ids.begin(), correlation_ids.end());
    read_transcript();
    // The CLI goes on with what waited in its own queue.
    if (turn_running_ && interrupted_) end_by_grace();
    if (proposed_) end_as_proposed();
    // Newer versions also say it of a prompt that goes into the running turn.
    if (!turn_running_) {
      tool_called_ = model_spoke_ = false;
      turn_started();
    }
  } else if (event == "Stop" && !of_subagent) {
    hook_stop(payload);
  } else if (event == "StopFailure" && !of_subagent) {
    hook_stop_failure(payload);
  } else if (event == "SubagentStart") {
    emit(WorkStarted{"subagent", text_at(payload, "agent_id"), text_at(payload, "agent_type"), {}, {}});
  } else if (event == "SubagentStop") {
    if (!text_at(payload, "agent_type").empty()) emit(WorkFinished{"subagent", text_at(payload, "agent_id")});
  } else if (event == "PreCompact" || event == "PostCompact") {
    compacting_ = event == "PreCompact";
    compactions_ += compacting_;
    emit(Noted{compacting_ ? "compaction.started" : "compaction.finished",
               json{{"trigger", text_at(payload, "trigger")}}});
  } else if (event == "SessionEnd") {
    auto const reason = text_at(payload, "reason");
    // After "clear" and "resume" the process goes on with another session.
    ended_ = reason != "clear" && reason != "resume";
    emit(Noted{"session.ended", json{{"reason", reason}}});
  } else if (event == "Notification") {
    emit(Noted{"notification",
               json{{"type", text_at(payload, "notification_type")}, {"message", text_at(payload, "message")}}});
  } else if (event == "StatusLine") {
    hook_status_line(payload);
  } else if (event == "PreToolUse" || event == "PostToolUse" || event == "PostToolUseFailure") {
    hook_tool(event, payload);
  }
  announce_gate();
  return ok(std::move(output));
}

void ClaudeSession::hook_session_start(json const& payload) {
  auto const source = text_at(payload, "source");
  auto const id = text_at(payload, "session_id");
  auto const transcript = text_at(payload, "transcript_path");
  if (source == "compact") return;
  read_live_state();
  if (!ready_) return become_ready(id, transcript, text_at(payload, "model"), source == "resume");
  ended_ = false;
  if (id != session_id_) go_on_with(id, transcript, source == "resume");
}

/// Every hook names its session and record: a SessionStart may have come while no daemon ran.
void ClaudeSession::follow_session(json const& payload) {
  auto const id = text_at(payload, "session_id");
  auto const transcript = text_at(payload, "transcript_path");
  if (!ready_ || id.empty() || transcript.empty()) return;
  if (id == session_id_) return follow(transcript, false);
  read_live_state();
  // A hook that was late, or another process's.
  if (live_ && !live_->session_id.empty() && live_->session_id != id) return;
  go_on_with(id, transcript, false);
}

void ClaudeSession::go_on_with(std::string const& id, std::string const& transcript, bool from_end) {
  session_id_ = id;
  if (!transcript.empty()) follow(transcript, from_end);
  emit(SessionChanged{id, transcript});
}

/// A hook of the person's own may answer that the model has to go on: then the CLI does not come to rest before another
/// Stop, of which this is told again.
void ClaudeSession::hook_stop(json const& payload) {
  proposed_ = text_at(payload, "last_assistant_message");
  read_live_state();
  if (!live_ || live_->at_rest()) end_as_proposed();
}

void ClaudeSession::end_as_proposed() {
  if (!proposed_) return;
  TurnEnded ended{interrupted_ ? TurnEnded::Outcome::interrupted : TurnEnded::Outcome::completed, *proposed_, {}, {}};
  if (interrupted_) ended.error = "interrupted by a person";
  turn_ended(std::move(ended));
}

void ClaudeSession::hook_stop_failure(json const& payload) {
  read_transcript();  // what it said before has its line by now, or soon
  auto ended = failed_turn(text_at(payload, "error"), text_at(payload, "last_assistant_message"));
  ended.did_nothing = !tool_called_ && !model_spoke_;
  read_reset_time(ended, launch_environment(ctx_.request, options_));
  if (!ended.resets_at) ended.resets_at = limit_ends_;
  if (auto const details = text_at(payload, "error_details"); !details.empty()) ended.error += " (" + details + ")";
  turn_ended(std::move(ended));
}

void ClaudeSession::hook_tool(std::string const& event, json const& payload) {
  tool_called_ = true;
  if (event == "PreToolUse" && text_at(payload, "agent_id").empty()) proposed_.reset();  // a hook has had it go on
  follow_tool_call(event, payload);
  json data{{"tool", text_at(payload, "tool_name")}, {"id", text_at(payload, "tool_use_id")}};
  if (auto const agent = text_at(payload, "agent_id"); !agent.empty()) data["subagent"] = agent;
  if (event == "PreToolUse" && payload.contains("tool_input")) {
    auto input = to_text(payload["tool_input"]);
    if (input.size() <= kToolInputShown)
      data["input"] = payload["tool_input"];
    else
      data["inputBytes"] = input.size();
  }
  if (payload.contains("duration_ms")) data["durationMs"] = payload["duration_ms"];
  if (event == "PostToolUseFailure") data["error"] = text_at(payload, "error");
  emit(Noted{event == "PreToolUse"    ? "tool.started"
             : event == "PostToolUse" ? "tool.finished"
                                      : "tool.failed",
             std::move(data)});
}

void ClaudeSession::hook_status_line(json const& payload) {
  limit_ends_.reset();
  for (auto const* window : {"five_hour", "seven_day"}) {
    auto const resets = number_at(payload, {"rate_limits", window, "resets_at"});
    bool const used_up = number_at(payload, {"rate_limits", window, "used_percentage"}) >= 100;
    if (!used_up || resets <= 0 || resets >= 1e11) continue;  // no time in seconds
    auto const at = from_millis(static_cast<std::int64_t>(resets) * 1000);
    limit_ends_ = std::max(limit_ends_.value_or(at), at);
  }
  auto const window = number_at(payload, {"context_window", "context_window_size"});
  if (window <= 0) return;
  ContextUse use;
  use.window = static_cast<std::int64_t>(window);
  use.tokens =
      static_cast<std::int64_t>(number_at(payload, {"context_window", "current_usage", "input_tokens"}) +
                                number_at(payload, {"context_window", "current_usage", "cache_creation_input_tokens"}) +
                                number_at(payload, {"context_window", "current_usage", "cache_read_input_tokens"}));
  use.utilization = number_at(payload, {"context_window", "used_percentage"}) / 100.0;
  use.source = "statusline";
  use.confidence = "reported";
  if (object_at(payload, "cost").contains("total_cost_usd"))
    use.cost_usd = std::max(number_at(payload, {"cost", "total_cost_usd"}), 0.0);
  emit(std::move(use));
}

}  // namespace ar::adapters::claude
