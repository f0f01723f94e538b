// The CLI's own commands: what interrupts, compacts, clears and ends a session, typed with the same care as
// prompts.
#include "adapters/claude/session.hpp"

#include <csignal>

namespace ar::adapters::claude {
namespace {

using std::chrono::seconds;

constexpr auto kCommandPatience = seconds(15);
constexpr auto kInterruptPatience = seconds(2);

}  // namespace

awaitable<Result<void>> ClaudeSession::interrupt() {
  auto const lock = co_await keyboard_.lock();
  if (!turn_running_ && !(live_ && !live_->at_rest())) co_return conflict("nothing_running", "no turn is running");
  auto watch = ctx_.terminal->watch_output();
  if (!watch) co_return watch.error();
  // Its state file tells of a turn's beginning later than its hook does, and says meanwhile that it is at rest: that
  // counts once it was seen at work in this turn, or the turn is over by its transcript.
  bool at_work = false;
  std::function<bool()> const stopped_by_now = [this, &at_work] {
    if (ended_ || !live_) return ended_ || !turn_running_;
    at_work |= !live_->at_rest();
    return live_->at_rest() && (at_work || interrupted_ || !turn_running_);
  };
  // An Escape in a turn's first moments can be lost. A second one is pressed only while the turn goes on: in
  // an idle composer two of them open the rewind menu.
  bool stopped = false;
  for (int presses = 0; presses < 3 && !stopped; ++presses) {
    if (auto pressed = co_await press(row_->interrupt_key); !pressed) co_return pressed.error();
    stopped = co_await wait_for(stopped_by_now, kInterruptPatience) || (live_ && live_->at_rest());
  }
  if (!stopped)
    co_return timed_out(
        "Claude Code did not stop its turn after three Escapes; look at its screen, or restart the agent");
  // Escape before the first token puts the prompt back into the composer.
  bool copy_mode = false;
  auto const view = co_await look(copy_mode);
  if (view && is_ours(*view)) co_await clear_composer(**watch);
  co_return Result<void>();
}

/// Types one of the CLI's own commands into an empty composer.
awaitable<Result<void>> ClaudeSession::run_command(std::string command) {
  auto const lock = co_await keyboard_.lock();
  auto watch = ctx_.terminal->watch_output();
  if (!watch) co_return watch.error();
  auto const obstacle = co_await approach(**watch);
  if (!obstacle.reason.empty()) co_return conflict("not_ready", "cannot type " + command + ": " + obstacle.reason);
  if (auto pasted = co_await ctx_.terminal->paste(command); !pasted) co_return pasted.error();
  auto const view = co_await await_view(**watch, command, Clock::now() + kCommandPatience);
  if (!view || !shows_only(*view, command, *row_))
    co_return conflict("not_ready",
                       "cannot type " + command + ": " + (view ? obstacle_of(*view) : "the terminal is gone"));
  remember_label(view->text);
  for (int presses = 1; presses <= row_->max_enters; ++presses) {
    if (auto pressed = co_await press("Enter"); !pressed) co_return pressed.error();
    auto const after = co_await await_view(**watch, {}, Clock::now() + row_->enter_patience * presses);
    if (!after || !shows_only(*after, command, *row_)) {
      std::erase(typed_labels_, command);
      co_return Result<void>();
    }
  }
  co_await clear_composer(**watch);
  std::erase(typed_labels_, command);
  co_return timed_out("Claude Code did not take " + command);
}

awaitable<Result<void>> ClaudeSession::compact() {
  if (auto const reason = closed_terminal(false); !reason.empty())
    co_return conflict("not_ready", "cannot compact now: " + reason);
  auto const before = compactions_;
  if (auto typed = co_await run_command("/compact"); !typed) co_return typed.error();
  std::function<bool()> const begun = [this, before] { return compactions_ != before || ended_; };
  auto const started = co_await wait_for(begun, kCommandPatience);
  if (!started) co_return timed_out("Claude Code did not begin to compact; a short conversation cannot be compacted");
  co_return Result<void>();
}

awaitable<Result<void>> ClaudeSession::clear() {
  if (auto const reason = closed_terminal(false); !reason.empty())
    co_return conflict("not_ready", "cannot clear now: " + reason);
  auto const before = session_id_;
  if (auto typed = co_await run_command("/clear"); !typed) co_return typed.error();
  std::function<bool()> const cleared = [this, before] { return session_id_ != before || ended_; };
  auto const done = co_await wait_for(cleared, kCommandPatience);
  if (!done) co_return timed_out("Claude Code did not begin a new session after /clear");
  co_return Result<void>();
}

awaitable<Result<void>> ClaudeSession::quit() {
  if (!ctx_.terminal->alive()) co_return Result<void>();
  if (closed_terminal(true).empty()) {
    auto typed = co_await run_command("/exit");
    if (typed || !ctx_.terminal->alive()) co_return Result<void>();
  }
  // A dialog, a person's draft, a start that hangs: the signal ends it just as cleanly.
  ctx_.terminal->signal(SIGTERM);
  co_return Result<void>();
}

}  // namespace ar::adapters::claude
