// A message's way into the thread, and the proof that it is there.
#include "adapters/codex/protocol.hpp"
#include "adapters/codex/session.hpp"
#include "adapters/envelope.hpp"

#include <algorithm>

namespace ar::adapters::codex {
namespace {

using std::chrono::seconds;

/// Nothing in a text is changed on its way; only what would fill the model's context goes as a file.
constexpr InlineRules kInline{
    .max_bytes = 128U << 10, .newlines = true, .tabs = true, .trailing_blanks = true, .controls = true};
/// Before a new turn takes its message, Codex may compact the context, which is a model call of its own.
constexpr auto kProofPatience = seconds(60);
/// A message for a running turn is taken when its tool call ends, which can be hours away: `unknown` until
/// then.
constexpr auto kSteerPatience = seconds(10);
/// What a connection that was lost had sent may still be on its way into the server for this long.
constexpr auto kSettlingTime = seconds(1);
constexpr auto kUnreadablePause = seconds(10);

bool is_name_part(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == ':';
}

void replace_dollars(std::string& text) {
  for (auto at = text.find('$'); at != std::string::npos; at = text.find('$', at)) text.replace(at, 1, "\uFF04");
}

/// The text names the files of the images, too, for the agent's tools.
json input_of(Prompt const& prompt, std::string text) {
  json input = json::array({json{{"type", "text"}, {"text", std::move(text)}}});
  for (auto const& image : prompt.images) input.push_back({{"type", "localImage"}, {"path", image.string()}});
  return input;
}

}  // namespace

/// Codex takes `$name` anywhere in a text as an order to load that skill.
bool CodexSession::mentions_skill(std::string_view text) const {
  for (auto at = text.find('$'); at != std::string_view::npos; at = text.find('$', at + 1)) {
    auto end = at + 1;
    while (end < text.size() && is_name_part(text[end])) ++end;
    auto const word = text.substr(at + 1, end - at - 1);
    auto const same = [&](std::string const& skill) {
      // Also by the part after its plugin's name, and where other characters follow.
      auto const colon = skill.find(':');
      auto const last =
          colon == std::string::npos ? std::string_view(skill) : std::string_view(skill).substr(colon + 1);
      return word.starts_with(skill) || word.starts_with(last);
    };
    if (std::ranges::any_of(skills_, same)) return true;
  }
  return false;
}

Envelope CodexSession::frame_for(Prompt prompt) const {
  auto rules = kInline;
  if (mentions_skill(prompt.body)) rules.max_bytes = 0;
  replace_dollars(prompt.from);
  replace_dollars(prompt.kind);
  if (prompt.subject) replace_dollars(*prompt.subject);
  return frame(prompt, rules);
}

/// The id of the turn that the message goes into.
awaitable<Result<std::string>> CodexSession::send(Prompt const& prompt, std::string text) {
  auto const connection = connection_;
  json params{{"threadId", thread_}, {"clientUserMessageId", client_id(prompt.correlation_id)}};
  params["input"] = input_of(prompt, std::move(text));
  if (!turn_.empty()) {
    auto steer = params;
    steer["expectedTurnId"] = turn_;
    auto const steered = co_await connection->call("turn/steer", std::move(steer));
    if (steered) co_return text_at(*steered, {"turnId"});
    auto const& why = steered.error();
    bool const turn_just_ended =
        why.code == "codex_error" && (why.message.find(row_->no_active_turn) != std::string::npos ||
                                      why.message.find(row_->another_turn) != std::string::npos);
    if (!turn_just_ended) co_return why;
  }
  auto const started = co_await connection->call("turn/start", std::move(params));
  if (!started) co_return started.error();
  co_return text_at(*started, {"turn", "id"});
}

awaitable<SubmitResult> CodexSession::submit(Prompt prompt, std::function<void(std::string_view)> on_step) {
  SubmitResult submission;
  auto const lock = co_await sending_.lock();
  auto framed = frame_for(prompt);
  if (framed.as_file) {
    auto const written = co_await write_body_file(ctx_.files, prompt);
    if (!written) submission.reason = written.error().message;
  }
  if (submission.reason.empty()) submission.reason = block_reason(prompt.urgent);
  if (!submission.reason.empty()) co_return submission;
  in_hand_ = prompt.correlation_id;
  struct Done {
    std::string& in_hand;
    ~Done() { in_hand.clear(); }
  } done{in_hand_};
  auto const deadline = Clock::now() + (turn_.empty() ? kProofPatience : kSteerPatience);
  if (on_step) on_step("typed");
  auto const turn = co_await send(prompt, std::move(framed.text));
  if (turn) {
    if (on_step) on_step("entered");
  } else if (turn.error().code == "codex_error" && !proven(prompt.correlation_id)) {
    // Its word for: no. Nothing of it is there.
    auto const& why = turn.error().message;
    submission.outcome = why.find(row_->too_large) != std::string::npos ? SubmitOutcome::refused : SubmitOutcome::held;
    submission.reason = "Codex does not take it: " + why;
    // The thread was unloaded meanwhile: attach again.
    if (why.find(row_->not_loaded) != std::string::npos) attach_again();
    co_return submission;
  } else if (!proven(prompt.correlation_id)) {
    submission.outcome = SubmitOutcome::unknown;
    submission.reason = turn.error().message;
    co_return submission;
  }
  co_await await_proof(prompt, turn ? *turn : std::string(), deadline, submission);
  co_return submission;
}

awaitable<void> CodexSession::await_proof(Prompt const& prompt, std::string const& turn, Clock::time_point deadline,
                                          SubmitResult& submission) {
  auto const connection = connection_;
  auto const open = [&] { return connection && connection->is_open() && !ended_; };
  auto const over = [&] { return !turn.empty() && turn_is_over(turn); };
  while (!proven(prompt.correlation_id) && !over() && open() && Clock::now() < deadline)
    co_await changed_.wait(deadline);
  // Had it been left over for a next turn, that would begin at once.
  auto const settled = Clock::now() + kSettlingTime;
  while (!proven(prompt.correlation_id) && over() && open() && Clock::now() < settled) {
    if (record_holds(prompt.correlation_id)) break;
    co_await changed_.wait(settled);
  }
  if (proven(prompt.correlation_id) || (over() && record_holds(prompt.correlation_id))) {
    submission.outcome = SubmitOutcome::accepted;
    emit(Accepted{prompt.correlation_id, proven(prompt.correlation_id) ? "api" : "transcript"});
  } else if (!open()) {
    submission.outcome = SubmitOutcome::unknown;
    submission.reason = "the connection to Codex was lost";
  } else if (over() && turn_.empty() && !(record_ && record_->unreadable())) {
    // What waits for a tool's end is dropped when the turn is interrupted.
    submission.outcome = SubmitOutcome::held;
    submission.reason = "the turn it was sent into ended before Codex took it";
  } else {
    submission.outcome = SubmitOutcome::unknown;
    submission.reason =
        over() ? "Codex's record of the thread cannot be read" : "Codex has it and takes it when its tool call ends";
  }
}

awaitable<RecordedOutcome> CodexSession::query_outcome(Prompt prompt, bool /*process_gone*/) {
  if (proven(prompt.correlation_id) || record_holds(prompt.correlation_id)) co_return RecordedOutcome::accepted;
  // Without the thread nobody can tell; its return asks again.
  if (!ready_ || !connection_) co_return RecordedOutcome::pending;
  auto const settled = connected_at_ + kSettlingTime;
  while (Clock::now() < settled && !ended_) co_await changed_.wait(settled);
  if (proven(prompt.correlation_id) || record_holds(prompt.correlation_id)) co_return RecordedOutcome::accepted;
  // A turn that runs may hold it until its tool call ends.
  if (ended_ || !connection_ || !turn_.empty()) co_return RecordedOutcome::pending;
  if (record_ && record_->unreadable()) {
    look_again_later();
    co_return RecordedOutcome::pending;
  }
  co_return RecordedOutcome::absent;
}

/// A record that cannot be read now (no file handle is left, the disk fails) may be later: the question comes again.
void CodexSession::look_again_later() {
  auto const later = [](CodexSession* self) -> awaitable<void> {
    auto const waited = co_await sleep_for(kUnreadablePause);
    if (waited) self->emit(BlockChanged{});
  };
  tasks_.spawn_vital("look again", later(this), ctx_.on_death);
}

}  // namespace ar::adapters::codex
