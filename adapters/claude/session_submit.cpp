// Typing into Claude Code. The protocol, and why each step is there:
// - look: only an empty composer is typed into; with a dialog open, Enter would approve it.
// - paste, bracketed. An Enter in the same write is swallowed, mostly for a session's first prompt. Where the CLI gives
//   the model a long paste as found text, words of ours come before it, as a paste that it shows in full.
// - look until the composer shows our text, and only it.
// - Enter; again only while the composer still shows our text and nothing says that it was taken. A needless
//   one would send a person's draft that came back, or the prompt a second time: up to one in ten stays in
//   the composer although it was submitted (2.1.197, with prompts close together).
// - proof: the transcript shows the prompt given to the model; UserPromptSubmit is an early sign, no proof.
// - look: what stayed in the composer although it was submitted is cleared.
#include "adapters/claude/session.hpp"

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::adapters::claude {
namespace {

using std::chrono::seconds;

constexpr auto kScreenPatience = seconds(5);  ///< for a composer to appear when nothing else is on the screen
constexpr auto kPastePatience = seconds(15);  ///< from the paste to the composer showing it
constexpr auto kTakenPatience = seconds(10);  ///< from an empty composer to a sign that the prompt was taken
constexpr auto kProofPatience = seconds(60);  ///< from the last sign to the proof, unless it is queued in the CLI
constexpr auto kDraftRest = seconds(5);       ///< a draft untouched for this long may be set aside
constexpr auto kDialogStands = seconds(2);  ///< until a dialog on the screen has shown in the live state, or never does
constexpr auto kClearPatience = seconds(20);  ///< to empty a composer line by line
constexpr auto kRecordPatience = seconds(2);  ///< the transcript's lines come up to a third of a second late
constexpr auto kLookAgainPause = seconds(10);
constexpr std::size_t kRemembered = 64;        ///< own pastes that are recognised in the composer
constexpr auto kSocketPatience = seconds(15);  ///< from a line at the socket of a CLI at rest to the proof

std::string joined(std::vector<std::string> const& lines) {
  std::string text;
  for (auto const& line : lines) text += line + "\n";
  return text;
}

SubmitResult held(std::string reason) {
  SubmitResult submission;
  submission.outcome = SubmitOutcome::held;
  submission.reason = std::move(reason);
  return submission;
}

}  // namespace

bool ClaudeSession::signs_of(std::string const& correlation_id) const {
  return early_.contains(correlation_id) || ledger_.consumed(correlation_id);
}

awaitable<bool> ClaudeSession::wait_for(std::function<bool()> condition, Clock::duration limit) {
  auto const deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() >= deadline) co_return false;
    co_await changed_.wait(deadline);
  }
  co_return true;
}

awaitable<std::optional<View>> ClaudeSession::look(bool& copy_mode, std::string* screen) {
  auto const captured = co_await ctx_.terminal->capture(true);
  if (!captured) co_return std::nullopt;
  copy_mode = captured->copy_mode;
  if (screen) *screen = joined(captured->lines);
  co_return read_view(*captured, *row_);
}

/// Looks until the composer is ours to type into, or says what it is instead.
awaitable<ClaudeSession::Obstacle> ClaudeSession::approach(terminal::Terminal::OutputWatch& watch) {
  Obstacle found;
  auto const deadline = Clock::now() + kScreenPatience;
  while (true) {
    bool copy_mode = false;
    auto const view = co_await look(copy_mode, &found.screen);
    if (!view) {
      found.reason = "the terminal is gone";
      co_return found;
    }
    if (copy_mode) {
      co_await ctx_.terminal->leave_copy_mode();
      co_await watch.wait(Clock::now() + milliseconds(20));
      if (Clock::now() < deadline) continue;
      found.reason = "somebody is scrolling in the terminal";
      co_return found;
    }
    if (view->kind == View::Kind::composer && view->text.empty()) {
      found.reason.clear();
      co_return found;
    }
    if (limit_menu_ && view->kind == View::Kind::limit && Clock::now() < deadline) {
      // It stands past the end of the limit. Escape chooses nothing of it.
      co_await press(row_->interrupt_key);
      co_await watch.wait(Clock::now() + seconds(1));
      continue;
    }
    if (is_ours(*view)) {
      auto const cleared = co_await clear_composer(watch);
      if (cleared) continue;
    }
    if (!resting_draft_.empty() && view->text == resting_draft_ && may_set_aside(*view)) {
      co_await press(row_->stash_key);
      auto const after = co_await await_view(watch, {}, Clock::now() + seconds(2));
      resting_draft_.clear();
      found.draft_set_aside = after && after->kind == View::Kind::composer && after->text.empty() && after->stashed;
      if (found.draft_set_aside) {
        found.reason.clear();
        co_return found;
      }
    }
    found.reason = obstacle_of(*view);
    if (view->kind == View::Kind::composer && view->stashed)
      found.reason += ", and has set another draft aside already";
    if (view->kind != View::Kind::unclear || Clock::now() >= deadline) co_return found;
    co_await watch.wait(deadline);
  }
}

/// Looks until the composer shows exactly `words` and `text` (empty: nothing), something else is in its place, or the
/// deadline.
awaitable<std::optional<View>> ClaudeSession::await_view(terminal::Terminal::OutputWatch& watch, std::string text,
                                                         Clock::time_point deadline, std::string words) {
  while (true) {
    bool copy_mode = false;
    auto view = co_await look(copy_mode);
    if (!view) co_return view;
    auto const there =
        text.empty() ? view->kind == View::Kind::composer && view->text.empty() : shows_only(*view, text, *row_, words);
    if (there || is_covered(*view) || Clock::now() >= deadline) co_return view;
    co_await watch.wait(deadline);
  }
}

/// Text of a prompt this session typed: one that stayed after its submit, or that Escape has put back, where
/// only a part of it may be visible.
bool ClaudeSession::is_ours(View const& view) const {
  if (view.kind != View::Kind::composer || view.text.empty()) return false;
  // A collapsed paste has a number that no other one gets in this process.
  if (std::ranges::find(typed_labels_, view.text) != typed_labels_.end()) return true;
  if (shows_words(view, kWords, *row_)) return true;
  bool has_header = false, starts = false, has_end = false, ends = false;
  for (auto const& correlation_id : handed_) {
    auto const mark = envelope_mark(correlation_id), end = "[end " + correlation_id + "]";
    has_header |= view.text.find(mark) != std::string::npos;
    has_end |= view.text.find(end) != std::string::npos;
    starts |= view.text.starts_with(mark);
    ends |= view.text.ends_with(end);
  }
  // What stands before or behind it is somebody else's.
  return (has_header || has_end) && (starts || !has_header) && (ends || !has_end);
}

void ClaudeSession::remember_label(std::string label) {
  typed_labels_.push_back(std::move(label));
  if (typed_labels_.size() > kRemembered) typed_labels_.pop_front();
}

/// Empties a composer whose text is certainly ours, line by line.
awaitable<bool> ClaudeSession::clear_composer(terminal::Terminal::OutputWatch& watch) {
  auto const deadline = Clock::now() + kClearPatience;
  int foreign = 0;
  std::string ours;
  while (Clock::now() < deadline) {
    bool copy_mode = false;
    auto const before = co_await look(copy_mode);
    if (!before || is_covered(*before)) co_return false;
    if (before->kind == View::Kind::composer && before->text.empty()) co_return true;
    // Of what was ours a part is left.
    bool const is_rest = before->kind == View::Kind::composer && ours.starts_with(before->text);
    if (!is_rest && !is_ours(*before)) {
      // Caught while it is being drawn, or a person has begun to type: never clear that.
      co_await watch.wait(Clock::now() + milliseconds(150));
      if (before->kind == View::Kind::composer && ++foreign > 3) co_return false;
      continue;
    }
    ours = before->text;
    auto const many = std::ranges::count(before->text, '\n') > 8;
    for (int i = 0; i < (many ? 16 : 1); ++i)
      if (auto pressed = co_await press(row_->clear_line_key); !pressed) co_return false;
    co_await watch.wait(Clock::now() + milliseconds(150));
  }
  co_return false;
}

/// There is room for one draft: a second one would take the first one's place. A version that nobody has looked at may
/// say in other words that there is one.
bool ClaudeSession::may_set_aside(View const& view) const {
  return options_.set_drafts_aside && view.kind == View::Kind::composer && !view.stashed && live_ &&
         is_measured(live_->version);
}

void ClaudeSession::block(std::string reason) {
  auto const watching = !blocked_.empty();
  blocked_ = std::move(reason);
  announce_gate();
  if (!watching) tasks_.spawn_vital("obstacle", watch_obstacle(), ctx_.on_death);
}

/// Takes prompts again when the composer is empty, or holds a draft at rest that may be set aside.
awaitable<void> ClaudeSession::watch_obstacle() {
  auto watch = ctx_.terminal->watch_output();
  std::string draft;
  auto since = Clock::now();
  std::optional<Clock::time_point> covered_since;
  while (watch && ctx_.terminal->alive()) {
    bool copy_mode = false;
    std::string screen;
    auto const view = co_await look(copy_mode, &screen);
    if (!view) break;
    auto again = Clock::now() + std::chrono::minutes(1);
    bool const asks = !asks_.empty() || (live_ && live_->waiting());  // which tells more
    bool const waits = view->kind == View::Kind::overlay || (view->kind == View::Kind::limit && !limit_menu_);
    if (!waits) {
      covered_since.reset();
      if (!asks) dialog_over();
    } else if (!asks) {
      if (!covered_since) covered_since = Clock::now();
      if (Clock::now() >= *covered_since + kDialogStands)
        tell_dialog(obstacle_of(*view), screen);
      else
        again = *covered_since + kDialogStands;
    }
    if (view->kind == View::Kind::composer) {
      if (view->text.empty() || is_ours(*view)) break;
      if (view->text != draft) since = Clock::now();
      draft = view->text;
      if (may_set_aside(*view)) {
        again = since + kDraftRest;
        if (Clock::now() >= again) {
          resting_draft_ = draft;
          break;
        }
      }
    } else if (blocked_ != obstacle_of(*view)) {
      blocked_ = obstacle_of(*view);
      announce_gate();
    }
    co_await (*watch)->wait(again);
  }
  blocked_.clear();
  announce_gate();
}

awaitable<void> ClaudeSession::mark_unknown(SubmitResult& submission, std::string reason) {
  submission.outcome = SubmitOutcome::unknown;
  submission.reason = std::move(reason);
  bool copy_mode = false;
  co_await look(copy_mode, &submission.screen);
}

/// Presses keys; a person's scrolling is ended for it, as nothing is typed before that.
awaitable<Result<void>> ClaudeSession::press(std::string_view key) {
  std::vector<std::string> const keys{std::string(key)};
  auto pressed = co_await ctx_.terminal->keys(keys);
  for (int tries = 0; tries < 3 && !pressed && pressed.error().code == "copy_mode"; ++tries) {
    co_await ctx_.terminal->leave_copy_mode();
    pressed = co_await ctx_.terminal->keys(keys);
  }
  co_return pressed;
}

/// A sender may name anything with @, on a disk that does not answer: that is looked for on the worker.
awaitable<Typed> ClaudeSession::form_of(Prompt prompt) {
  auto const names_something = [](std::string const& text) { return text.find('@') != std::string::npos; };
  bool const looks = names_something(prompt.body) || std::ranges::any_of(prompt.attachments, names_something);
  auto form = [prompt = std::move(prompt), cwd = ctx_.request.cwd, home = home_, row = row_] {
    return typed_form(prompt, cwd, home, *row);
  };
  if (!looks) co_return form();
  auto typed = co_await ctx_.files.run(std::move(form));
  co_return typed;
}

awaitable<SubmitResult> ClaudeSession::submit(Prompt prompt, std::function<void(std::string_view)> on_step) {
  read_live_state();  // for the version: SessionStart's hook may come before it
  if (prompt.is_notice && has_monitor()) co_return co_await offer(std::move(prompt), std::move(on_step));
  if (goes_by_socket(prompt)) {
    auto by_socket = co_await submit_by_socket(prompt, on_step);
    if (by_socket) co_return std::move(*by_socket);
  }
  auto const typed = co_await form_of(prompt);
  if (typed.as_file) {
    auto const written = co_await write_body_file(ctx_.files, prompt);
    if (!written) co_return held(written.error().message);  // the disk may have room again
  }
  if (auto reason = closed_terminal(prompt.urgent); !reason.empty()) co_return held(std::move(reason));
  in_hand_ = prompt.correlation_id;
  in_hand_text_ = typed.text;
  altered_ = false;
  SubmitResult submission;
  bool const taken = co_await type_in(prompt, typed, std::move(on_step), submission);
  if (taken) co_await await_proof(prompt, submission);
  in_hand_.clear();
  if (submission.outcome == SubmitOutcome::accepted) co_await clear_leftover();
  finish(prompt, submission);
  co_return submission;
}

/// What it has come to is told.
void ClaudeSession::finish(Prompt const& prompt, SubmitResult const& submission) {
  if (submission.outcome == SubmitOutcome::accepted) early_.erase(prompt.correlation_id);
  if (altered_)
    emit(Noted{"delivery.altered",
               json{{"messageId", prompt.message_id},
                    {"reason", "the transcript shows this prompt with other bytes than were handed over"}}});
  if (submission.outcome == SubmitOutcome::accepted) emit(Accepted{prompt.correlation_id, "transcript"});
}

/// By the time of the proof the composer is drawn anew; a prompt that still stands in it would be sent again
/// by the next Enter, a person's or ours.
awaitable<void> ClaudeSession::clear_leftover() {
  auto const lock = co_await keyboard_.lock();
  bool copy_mode = false;
  auto const view = co_await look(copy_mode);
  if (!view || copy_mode || view->kind != View::Kind::composer || !is_ours(*view)) co_return;
  auto watch = ctx_.terminal->watch_output();
  if (!watch) co_return;
  auto const cleared = co_await clear_composer(**watch);
  emit(Noted{"delivery.leftover", json{{"cleared", cleared}}});
}

/// After a prompt that was not typed. In an empty composer the key brings back what it has set aside; in any other it
/// would put that one in its place.
awaitable<void> ClaudeSession::bring_draft_back(terminal::Terminal::OutputWatch& watch) {
  bool copy_mode = false;
  auto view = co_await look(copy_mode);
  if (view && is_ours(*view)) {
    co_await clear_composer(watch);
    view = co_await look(copy_mode);
  }
  if (view && view->kind == View::Kind::composer && view->text.empty()) co_await press(row_->stash_key);
}

/// True: Enter was taken, and the proof is to come. Otherwise the outcome stands in `submission`.
awaitable<bool> ClaudeSession::type_in(Prompt const& prompt, Typed const& typed,
                                       std::function<void(std::string_view)> on_step, SubmitResult& submission) {
  auto const lock = co_await keyboard_.lock();
  submission.reason = closed_terminal(prompt.urgent);
  if (!submission.reason.empty()) co_return false;
  auto watch = ctx_.terminal->watch_output();
  if (!watch) {
    submission.reason = watch.error().message;
    co_return false;
  }
  auto const obstacle = co_await approach(**watch);
  if (!obstacle.reason.empty()) {
    block(obstacle.reason);
    submission.reason = obstacle.reason;
    submission.screen = obstacle.screen;
    co_return false;
  }

  handed_.push_back(prompt.correlation_id);
  if (handed_.size() > kHandedKept) handed_.pop_front();
  Result<void> pasted;
  if (!typed.words.empty()) pasted = co_await ctx_.terminal->paste(typed.words);
  if (pasted) pasted = co_await ctx_.terminal->paste(typed.paste);
  if (!pasted) {
    auto reason = "the paste failed: " + pasted.error().message;
    if (!terminal::nothing_typed(pasted.error())) {
      co_await mark_unknown(submission, std::move(reason));
      co_return false;
    }
    if (obstacle.draft_set_aside) co_await bring_draft_back(**watch);
    submission.reason = std::move(reason);
    if (pasted.error().code == "not_typed") submission.outcome = SubmitOutcome::refused;
    co_return false;
  }
  if (on_step) on_step("typed");

  auto const view = co_await await_view(**watch, typed.paste, Clock::now() + kPastePatience, typed.words);
  std::string trouble;
  if (!view)
    trouble = "the terminal ended while the prompt was typed";
  else if (view->kind == View::Kind::composer && view->text.empty())
    trouble = "Claude Code did not show the pasted prompt";
  else if (view->kind != View::Kind::composer)
    trouble = obstacle_of(*view) + ", since the prompt was typed";
  else if (!shows_only(*view, typed.paste, *row_, typed.words))
    trouble = "the input line holds other text beside the prompt";
  if (trouble.empty()) {
    remember_label(view->text);
    bool const taken = co_await press_until_taken(prompt, view->text, **watch);
    if (!taken) trouble = "Enter was pressed, and nothing shows that the prompt was taken";
  }
  if (!trouble.empty()) {
    co_await mark_unknown(submission, std::move(trouble));
    co_return false;
  }
  if (on_step) on_step("entered");
  co_return true;
}

/// True when there is a sign that Enter was taken.
awaitable<bool> ClaudeSession::press_until_taken(Prompt const& prompt, std::string label,
                                                 terminal::Terminal::OutputWatch& watch) {
  std::function<bool()> const sign = [this, &prompt] {
    return signs_of(prompt.correlation_id) || ended_ || !ctx_.terminal->alive();
  };
  auto const was_busy = live_ && live_->busy();
  for (int presses = 1; presses <= row_->max_enters; ++presses) {
    if (auto pressed = co_await press("Enter"); !pressed) co_return false;
    auto const taken = co_await wait_for(sign, row_->enter_patience * presses);
    if (taken) co_return signs_of(prompt.correlation_id);
    bool copy_mode = false;
    auto const view = co_await look(copy_mode);
    if (!view) co_return false;
    auto const submitted =
        view->above.find(prompt.correlation_id) != std::string::npos || (live_ && live_->busy() && !was_busy);
    if (submitted || view->text != label) {
      // It was submitted, or left the composer: no further Enter, whatever else the screen shows now.
      co_await wait_for(sign, kTakenPatience);
      co_return signs_of(prompt.correlation_id);
    }
    spdlog::debug("{}: Enter {} for message {} was not taken", ctx_.request.agent_id, presses, prompt.message_id);
  }
  // Still there, and ours: take it away, so that it cannot run into the next prompt. The transcript decides
  // later whether one of those Enters was taken after all.
  co_await clear_composer(watch);
  co_await wait_for(sign, kRecordPatience);
  co_return signs_of(prompt.correlation_id);
}

awaitable<void> ClaudeSession::await_proof(Prompt const& prompt, SubmitResult& submission) {
  bool const by_socket = written_.contains(prompt.correlation_id);
  auto const patience = by_socket ? kSocketPatience : kProofPatience;
  auto deadline = Clock::now() + patience;
  while (!ledger_.consumed(prompt.correlation_id)) {
    if (ended_ || !ctx_.terminal->alive()) {
      read_transcript();
      if (ledger_.consumed(prompt.correlation_id)) break;
      co_await mark_unknown(submission, "Claude Code ended before it showed the prompt to the model");
      co_return;
    }
    if (ledger_.queued(prompt.correlation_id) || (by_socket && !is_at_rest()))
      deadline = Clock::now() + patience;  // as long as its queue holds it
    if (Clock::now() >= deadline) {
      co_await mark_unknown(submission, "the prompt was taken, but the transcript does not show it");
      co_return;
    }
    co_await changed_.wait(deadline);
  }
  submission.outcome = SubmitOutcome::accepted;
}

awaitable<RecordedOutcome> ClaudeSession::query_outcome(Prompt prompt, bool process_gone) {
  auto const standing = notices_.standing(prompt.correlation_id);
  if (standing == Notices::Standing::offered) co_return RecordedOutcome::pending;
  if (standing == Notices::Standing::taken_back) {
    notices_.forget(prompt.correlation_id);
    co_return RecordedOutcome::absent;
  }
  // A long record is not read for what may not be there yet.
  if (prompt.is_notice && !process_gone && !ledger_.consumed(prompt.correlation_id) &&
      may_be_on_its_way(prompt.correlation_id))
    co_return RecordedOutcome::pending;

  if (!process_gone && !ledger_.consumed(prompt.correlation_id) && may_come_by_socket(prompt.correlation_id))
    co_return RecordedOutcome::pending;

  // The records as a whole, not only what was followed; of the sessions of that time, and of the present one.
  auto const records = records_;
  Ledger whole;
  bool unreadable = false;
  auto const read_records = [&]() -> awaitable<void> {
    unreadable = false;
    for (auto const& path : records) {
      TranscriptFile file(path);
      bool more = true;
      while (more) {
        std::vector<TranscriptFact> facts;
        more = file.read(facts, 1U << 20);
        for (auto const& fact : facts) whole.add(fact);
        co_await net::post(ctx_.executor, net::use_awaitable);  // a long record must not hold up the others
      }
      unreadable |= file.unreadable();
    }
  };
  co_await read_records();
  if (whole.consumed(prompt.correlation_id)) co_return RecordedOutcome::accepted;
  if (process_gone) co_return unreadable ? RecordedOutcome::blind : RecordedOutcome::absent;
  if (unreadable) look_again_later();
  if (unreadable || whole.queued(prompt.correlation_id) || !ready_ || ended_) co_return RecordedOutcome::pending;

  // Not in the record of a living process: it may still stand in the composer, or have left it a moment ago.
  auto const turns = turns_;
  if (standing != Notices::Standing::fetched && !written_.contains(prompt.correlation_id)) {
    auto const is_out = co_await take_out_of_composer(prompt);
    if (!is_out) co_return RecordedOutcome::pending;
  }
  auto const correlation_id = prompt.correlation_id;
  std::function<bool()> const shown = [this, correlation_id] { return ledger_.consumed(correlation_id); };
  auto const late = co_await wait_for(shown, kRecordPatience);
  if (late) co_return RecordedOutcome::accepted;
  // What the CLI has submitted is not typed again, whatever the record leaves out.
  if (ledger_.queued(correlation_id) || submitted_.contains(correlation_id) ||
      (signs_of(correlation_id) && turn_running_))
    co_return RecordedOutcome::pending;
  // A turn that has begun meanwhile may be a notice's.
  if (prompt.is_notice && (turns != turns_ || may_be_on_its_way(correlation_id))) co_return RecordedOutcome::pending;
  whole = {};
  co_await read_records();
  if (whole.consumed(correlation_id)) co_return RecordedOutcome::accepted;
  if (unreadable) look_again_later();
  if (!unreadable) notices_.forget(correlation_id);
  if (!unreadable) forget_written(correlation_id);
  co_return unreadable ? RecordedOutcome::pending : RecordedOutcome::absent;
}

/// False: the terminal does not show whether the prompt stands in the composer, or it does and stays.
awaitable<bool> ClaudeSession::take_out_of_composer(Prompt prompt) {
  auto const typed = co_await form_of(std::move(prompt));
  auto const lock = co_await keyboard_.lock();
  auto watch = ctx_.terminal->watch_output();
  bool copy_mode = false;
  auto const view = co_await look(copy_mode);
  if (!watch || !view || view->kind != View::Kind::composer) co_return false;
  if (shows_among_others(*view, typed.paste, *row_, typed.words)) co_return false;
  if (!shows_only(*view, typed.paste, *row_, typed.words)) co_return true;
  remember_label(view->text);
  co_return co_await clear_composer(**watch);
}

/// What the record does not show now, it may show later (no file handle is left, the disk fails, it was fetched a
/// moment ago): the question comes again.
void ClaudeSession::look_again_later() {
  if (std::exchange(looks_again_, true)) return;
  auto const later = [](ClaudeSession* self) -> awaitable<void> {
    auto const waited = co_await sleep_for(kLookAgainPause);
    self->looks_again_ = false;
    if (waited) self->emit(BlockChanged{});
  };
  tasks_.spawn_vital("look again", later(this), ctx_.on_death);
}

}  // namespace ar::adapters::claude
