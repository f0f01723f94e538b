// A person is asked: by the dialog on the screen and, at the same time, by a PermissionRequest hook that waits for its
// answer here. Whoever is first wins. Seen with 2.1.197: the hook's answer closes the dialog; a no on the screen ends
// the hook; a yes on the screen does not, so that it shows in the live state (no longer "waiting", once the last dialog
// is closed) and in the tool's own hooks. Any other dialog is on the screen alone, and is told with its text.
#include "adapters/claude/permission.hpp"
#include "adapters/claude/session.hpp"
#include "adapters/exit_diagnostic.hpp"
#include "adapters/relay_tools.hpp"
#include "adapters/tool_use.hpp"
#include "base/ids.hpp"

#include <algorithm>
#include <sstream>

namespace ar::adapters::claude {
namespace {

/// A dialog is on the screen, and in the live state, before its hook has reached us: one that is younger than this when
/// the live state ceases to wait may belong to the next dialog.
constexpr auto kYoung = milliseconds(250);
constexpr auto kLookAgain = milliseconds(1'000);
/// The live state follows the screen within this.
constexpr auto kLiveStateGrace = milliseconds(1'500);
/// A dialog that no hook has asked for by then has none.
constexpr auto kHookPatience = milliseconds(10'000);
constexpr std::size_t kCallsKept = 64;
/// What the live state says of menus; it has other words for permissions and the model's questions.
constexpr std::string_view kMenu = "dialog open";

/// Which tool is called with what, by whom: inputs may be large, so only their hash is kept.
std::size_t call_digest(json const& payload) {
  auto const input = payload.find("tool_input");
  return std::hash<std::string>()(text_at(payload, "agent_id") + "\n" + text_at(payload, "tool_name") + "\n" +
                                  (input == payload.end() ? std::string() : to_text(*input)));
}

}  // namespace

awaitable<Result<json>> ClaudeSession::ask(std::string call, json payload) {
  auto request = request_of(call, payload);
  if (!request) co_return request.error();
  // In plan mode the CLI asks about each tool that does more than look, whatever it is told to allow.
  // Asked in another mode, somebody has set it so that a person is asked.
  if (text_at(payload, "permission_mode") == "plan" && has_relay_tools(ctx_.request, options_.relay_tools) &&
      is_unasked(request->tool))
    co_return ok(hook_output(payload, {.decision = Decision::approve}));
  Ask ask;
  ask.since = Clock::now();
  ask.waiting_for =
      (request->kind == ApprovalRequest::Kind::question ? "an answer: " : "permission for ") + request->summary;
  // The payload does not say which tool call it is about; the call's own hook has come before.
  auto const digest = call_digest(payload);
  for (auto const& [id, known] : calls_)
    if (known == digest && std::ranges::none_of(asks_, [&](auto const& a) { return a.second.tool_call == id; }))
      ask.tool_call = id;
  ask.payload = std::move(payload);
  dialog_over();  // it has found its voice
  dialog_looked_ = 0;
  asks_.insert_or_assign(call, std::move(ask));
  asked_ = true;
  emit(Asked{std::move(*request)});
  tell_asked();
  auto const answered = [&] {
    auto const it = asks_.find(call);
    return it == asks_.end() || it->second.output;
  };
  while (!answered() && !ended_) co_await changed_.wait();
  json output = json::object();
  if (auto const it = asks_.find(call); it != asks_.end()) {
    if (it->second.output) output = std::move(*it->second.output);
    asks_.erase(it);
  }
  co_return ok(std::move(output));
}

void ClaudeSession::answer(std::string const& key, Answer const& answer) {
  auto const it = asks_.find(key);
  if (it == asks_.end() || it->second.output) return;
  it->second.output = hook_output(it->second.payload, answer);
  tell_asked();
}

void ClaudeSession::ask_left(std::string const& call) {
  if (asks_.erase(call) == 0 || ended_) return;
  tasks_.spawn_vital("hook left", after_ask_left(call), ctx_.on_death);
}

/// The hook was ended by a no on the screen; or its own time was over, and the dialog is still there.
awaitable<void> ClaudeSession::after_ask_left(std::string call) {
  std::function<bool()> const closed = [this] { return !live_ || !live_->waiting() || ended_; };
  auto const answered = co_await wait_for(closed, kLiveStateGrace);
  emit(AskEnded{call, answered});
  tell_asked();
}

/// Says what a person is needed for, if for anything.
void ClaudeSession::tell_asked() {
  Ask const* oldest = nullptr;
  for (auto const& [call, ask] : asks_)
    if (!ask.output && (!oldest || ask.since < oldest->since)) oldest = &ask;
  changed_.notify_all();
  if (oldest && ctx_.request.request_input) return waiting_for(oldest->waiting_for);
  if (!live_ || !live_->waiting()) {
    limit_menu_ = false;
    if (ready_ && blocked_.empty()) dialog_over();
    return waiting_for({});
  }
  // A menu may be one that needs nobody: the screen says which.
  bool const is_menu = live_->waiting_for == kMenu;
  if (waiting_.empty() && !is_menu) waiting_for(live_->waiting_for.empty() ? "a dialog" : live_->waiting_for);
  if (std::exchange(dialog_looked_, live_changes_) == live_changes_) return;
  limit_menu_ = false;
  tasks_.spawn_vital("dialog", look_at_dialog(live_changes_), ctx_.on_death);
}

awaitable<void> ClaudeSession::look_at_dialog(std::uint64_t change) {
  auto const is_there = [&] {
    return live_ && live_->waiting() && change == live_changes_ && asks_.empty() && !ended_;
  };
  bool const is_menu = live_->waiting_for == kMenu;
  std::optional<View> view;
  std::string screen;
  // It is only to be painted yet; or the live state has not followed its end.
  for (Clock::duration pause : {is_menu ? kYoung : kHookPatience, kLookAgain}) {
    auto const waited = co_await sleep_for(pause);
    if (!waited || !is_there()) co_return;
    bool copy_mode = false;
    view = co_await look(copy_mode, &screen);
    if (!is_there()) co_return;
    if (!view || view->kind != View::Kind::composer) break;
  }
  limit_menu_ = is_menu && view && view->kind == View::Kind::limit;
  if (!limit_menu_) {
    bool const is_known = view && view->kind == View::Kind::overlay;
    if (is_menu) waiting_for(is_known ? view->name : "a dialog");
    co_return tell_dialog(is_known ? obstacle_of(*view) : "a dialog is open", screen);
  }
  if (turn_running_) end_by_grace();  // as an adopted session has to take it, which waits
  announce_gate();
}

/// Nobody is asked it but the person at the terminal.
void ClaudeSession::tell_dialog(std::string const& what, std::string const& screen) {
  ApprovalRequest request;
  request.kind = ApprovalRequest::Kind::dialog;
  request.tool = "terminal";
  request.summary = what + "; answer it there: agent-runner attach " + ctx_.request.agent_id;
  if (dialog_ && dialog_->summary == request.summary) return;
  dialog_over();
  request.key = "dialog " + random_hex(5);
  std::vector<std::string> lines;
  std::istringstream in(plain_text(screen));
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::string text;
  for (auto const& line : last_lines(lines, secrets_in(ctx_.request.environment)))
    text += (text.empty() ? "" : "\n") + line;
  request.input = {{"screen", text}};
  dialog_ = {request.key, request.summary};
  emit(Asked{std::move(request)});
}

void ClaudeSession::dialog_over() {
  if (auto const dialog = std::exchange(dialog_, std::nullopt)) emit(AskEnded{dialog->key, true});
}

/// The live state waits for nobody: what was asked has been answered on the screen, or its turn is over.
void ClaudeSession::end_asks() {
  if (!std::exchange(asked_, false)) return;
  auto const old = Clock::now() - kYoung;
  // One that was asked a moment before another daemon died may show in nothing yet.
  bool young = Clock::now() < settled_at_;
  for (auto& [call, ask] : asks_) {
    if (ask.output) continue;
    if (ask.since > old) {
      young = true;
      continue;
    }
    ask.output = json::object();
    emit(AskEnded{call, true});
  }
  if (young) {
    asked_ = true;
    tasks_.spawn_vital("asked", end_young_asks(), ctx_.on_death);
  } else {
    emit(NothingAsked{});
  }
}

awaitable<void> ClaudeSession::end_young_asks() {
  auto const waited = co_await sleep_for(kLookAgain);
  if (!waited || (live_ && live_->waiting())) co_return;
  end_asks();
  tell_asked();
}

/// Tool calls and what becomes of them: one that has run needs no permission any more.
void ClaudeSession::follow_tool_call(std::string const& event, json const& payload) {
  auto const id = text_at(payload, "tool_use_id");
  if (event == "PreToolUse") {
    calls_.emplace_back(id, call_digest(payload));
    if (calls_.size() > kCallsKept) calls_.pop_front();
    return;
  }
  for (auto& [call, ask] : asks_) {
    if (ask.output || id.empty() || ask.tool_call != id) continue;
    ask.output = json::object();
    emit(AskEnded{call, true});
  }
  tell_asked();
}

std::optional<ToolCall> ClaudeSession::tool_call(std::string const& event, json const& payload) const {
  return tool_call_of(event, payload);
}

ToolAnswer ClaudeSession::tool_answer(std::string const& event, json const& payload, ToolVerdict const& verdict) {
  auto answer = tool_answer_to(event, payload, verdict);
  // A permission is asked for with the new input.
  if (event == "PreToolUse" && verdict.input && !verdict.denied) {
    auto changed = payload;
    changed["tool_input"] = *verdict.input;
    for (auto& [id, digest] : calls_)
      if (id == text_at(payload, "tool_use_id")) digest = call_digest(changed);
  }
  return answer;
}

}  // namespace ar::adapters::claude
