#include "adapters/command/command_session.hpp"

#include "adapters/command/receipts.hpp"
#include "adapters/tool_use.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace ar::adapters::command {
namespace {

constexpr std::size_t kRemembered = 64;     ///< messages whose late proof is still understood
constexpr auto kBeforeOurTime = "journal";  ///< what proved a message that an earlier daemon saw accepted
constexpr auto kLookAgain = milliseconds(1'000);
constexpr std::size_t kLongestTurnText = 32U << 10;
/// A turn whose end may have come while no daemon ran is given up after so much silence.
constexpr auto kUnseenEndPatience = std::chrono::minutes(10);

bool any_line_matches(Pattern const& pattern, std::string const& text) {
  std::size_t from = 0;
  while (from <= text.size()) {
    auto const end = std::min(text.find('\n', from), text.size());
    if (pattern.matches(text.substr(from, end - from))) return true;
    from = end + 1;
  }
  return false;
}

std::size_t longest_line(std::string const& text) {
  std::size_t longest = 0, from = 0;
  while (from <= text.size()) {
    auto const end = std::min(text.find('\n', from), text.size());
    longest = std::max(longest, end - from);
    from = end + 1;
  }
  return longest;
}

}  // namespace

CommandSession::CommandSession(SessionContext context, Options options, std::filesystem::path receipts)
    : context_(std::move(context)),
      options_(std::move(options)),
      receipts_(std::move(receipts)),
      guard_(context_.terminal, options_.inline_rules.newlines),
      asks_(context_.executor, context_.emit),
      changed_(context_.executor),
      tasks_(context_.executor, "command " + context_.request.agent_id) {}

void CommandSession::start() { tasks_.spawn_vital("ready", become_ready(), context_.on_death); }

awaitable<void> CommandSession::stop() {
  asks_.end();
  co_await tasks_.stop();
}

awaitable<void> CommandSession::become_ready() {
  // An adopted one was ready before; its sign may have left the screen since.
  if (options_.ready && !context_.adopted) {
    auto watch = context_.terminal->watch_output();
    for (bool shown = false; !shown;) {
      auto screen = co_await context_.terminal->capture();
      if (screen)
        shown = std::ranges::any_of(screen->lines, [&](auto const& line) { return options_.ready->matches(line); });
      if (shown) break;
      if (!watch || !context_.terminal->alive()) co_return;
      co_await (*watch)->wait(Clock::time_point::max());
    }
    co_await guard_.settle();
  } else if (!context_.adopted) {
    co_await guard_.until_it_reads();
  }
  co_await guard_.keep(options_.command, context_.adopted);
  if (context_.terminal->program_ended()) co_return;
  ready_ = true;
  for (auto const& prompt : context_.open_turn)
    typed_.push_back({prompt.correlation_id, prompt.message_id,
                      options_.proof_of(prompt.correlation_id, prompt.message_id), kBeforeOurTime});
  turn_open_ = !typed_.empty() && options_.has_turns();
  Ready ready;
  ready.session_id = context_.session_id;
  ready.turn_runs = turn_open_;
  context_.emit(std::move(ready));
  if (turn_open_) take_up_turn();
}

/// The open turn began while nobody watched: so may it have ended.
void CommandSession::take_up_turn() {
  end_unseen_ = looking_back_ = true;
  tasks_.spawn_vital("turn", look_for_end(), context_.on_death);
}

awaitable<void> CommandSession::look_for_end() {
  auto watch = context_.terminal->watch_output();
  (void)co_await follow();
  if (options_.turn_end) co_await look_back();
  looking_back_ = false;
  if (std::exchange(end_came_, false) && turn_open_) end_with_text();
  changed_.notify_all();
  while (watch && turn_open_ && end_unseen_ && context_.terminal->alive()) {
    auto const deadline = Clock::now() + kUnseenEndPatience;
    co_await (*watch)->wait(deadline);
    (void)(*watch)->take();
    if (Clock::now() < deadline || !turn_open_ || !end_unseen_) continue;
    TurnEnded end;
    end.outcome = TurnEnded::Outcome::interrupted;
    end.error = "no daemon ran while it worked on this, and it has been silent since: how it ended nobody saw";
    end_turn(std::move(end));
  }
}

std::string CommandSession::block_reason(bool urgent) const {
  if (!context_.terminal->alive()) return "the program has ended";
  if (guard_.left_to_a_shell()) return "a shell has its terminal, not the program";
  if (!ready_) return "the program is not ready yet";
  if (!closed_because_.empty()) return closed_because_;
  if (submitting_) return "another message is being typed";
  if (turn_open_ && !urgent) return "a turn is running";
  return {};
}

// ---- handing over ----

awaitable<SubmitResult> CommandSession::submit(Prompt prompt, std::function<void(std::string_view)> on_step) {
  SubmitResult submission;
  Typed typed{prompt.correlation_id, prompt.message_id, options_.proof_of(prompt.correlation_id, prompt.message_id)};
  auto envelope = compose(prompt, typed.proof, submission);
  if (envelope.text.empty()) co_return submission;
  if (envelope.as_file) {
    auto const written = co_await write_body_file(context_.files, prompt);
    if (!written) submission.reason = written.error().message;
  }
  if (submission.reason.empty()) submission.reason = block_reason(prompt.urgent);
  if (!submission.reason.empty()) co_return submission;

  submitting_ = true;
  struct Done {
    bool& submitting;
    ~Done() { submitting = false; }
  } done{submitting_};
  submission.reason = co_await guard_.obstacle();
  if (!submission.reason.empty()) {
    hold(submission.reason, guard_.until_line_is_gone());
    co_return submission;
  }
  auto followed = co_await follow();
  if (!followed) {
    submission.reason = followed.error().message;
    co_return submission;
  }
  lines_.forget();  // an old prompt on this line must not be read together with the echo
  // Known before it is typed: a fast program's proof comes back with the answer to the typing itself.
  std::erase_if(typed_, [&](Typed const& earlier) { return earlier.correlation_id == prompt.correlation_id; });
  typed_.push_back(std::move(typed));
  if (typed_.size() > kRemembered) typed_.pop_front();
  co_await type_and_prove(std::move(envelope.text), std::move(on_step), submission);
  co_return submission;
}

/// No text: the outcome stands in `submission`.
Envelope CommandSession::compose(Prompt const& prompt, std::optional<Pattern> const& proof,
                                 SubmitResult& submission) const {
  InlineRules rules = options_.inline_rules;
  if (options_.longest_line > 0 && longest_line(prompt.body) > options_.longest_line / 2) rules.max_bytes = 0;
  for (bool last = false;; last = true) {
    auto envelope = frame(prompt, rules);
    bool const too_long = options_.longest_line > 0 && longest_line(envelope.text) > options_.longest_line;
    bool const proves_itself = proof && any_line_matches(*proof, envelope.text);
    if (!too_long && !proves_itself) return envelope;
    if (last || envelope.as_file) {
      submission.outcome = SubmitOutcome::refused;
      submission.reason = too_long ? "a line of it is longer than the program's terminal takes"
                                   : "its own text fits the pattern that is to prove it";
      return {};
    }
    rules.max_bytes = 0;
  }
}

/// Types and submits; false when the outcome stands in `handing` already.
awaitable<bool> CommandSession::send(std::string text, std::function<void(std::string_view)> const& on_step,
                                     SubmitResult& submission) {
  bool const at_once = options_.enter == "Enter" && options_.enter_delay == milliseconds(0);
  auto typing = at_once ? context_.terminal->paste_and_enter(std::move(text), typed_.back().correlation_id)
                        : context_.terminal->paste(std::move(text), typed_.back().correlation_id);
  auto sent = co_await std::move(typing);
  if (!sent) {
    submission.reason = sent.error().message;
    auto const& code = sent.error().code;
    if (!terminal::nothing_typed(sent.error())) {
      submission.outcome = SubmitOutcome::unknown;
      co_return false;
    }
    typed_.pop_back();
    if (code == "copy_mode") hold(submission.reason, until_nobody_scrolls());
    if (code == "another_program") hold(submission.reason, guard_.until_program_is_back());
    if (code == "not_typed") submission.outcome = SubmitOutcome::refused;
    co_return false;
  }
  on_step("typed");
  if (!at_once && !options_.enter.empty()) {
    if (options_.enter_delay > milliseconds(0)) co_await sleep_for(options_.enter_delay);
    std::vector<std::string> key{options_.enter};
    sent = co_await context_.terminal->keys(std::move(key));
    if (!sent) {
      submission.outcome = SubmitOutcome::unknown;
      submission.reason = "its text was typed, and could not be submitted: " + sent.error().message;
      co_return false;
    }
  }
  on_step("entered");
  co_return true;
}

awaitable<void> CommandSession::type_and_prove(std::string text, std::function<void(std::string_view)> on_step,
                                               SubmitResult& submission) {
  Typed const& typed = typed_.back();
  auto const correlation_id = typed.correlation_id;
  bool const submitted = co_await send(std::move(text), on_step, submission);
  if (!submitted) {
    if (submission.outcome == SubmitOutcome::unknown) co_await look_at_screen(correlation_id, submission);
    co_return;
  }
  if (!options_.has_proof()) {
    submission.outcome = SubmitOutcome::unverified;
    submission.reason = "typed; this program declares no proof that it took it";
    if (options_.has_turns()) begin_turn();
    co_return;
  }
  auto const deadline = Clock::now() + options_.proof_timeout;
  while (typed.proved_by.empty() && following_ && Clock::now() < deadline) co_await changed_.wait(deadline);
  if (!typed.proved_by.empty()) {
    submission.outcome = SubmitOutcome::accepted;
    Accepted accepted{typed.correlation_id, typed.proved_by};
    context_.emit(std::move(accepted));
    co_return;
  }
  submission.outcome = SubmitOutcome::unknown;
  submission.reason = context_.terminal->alive()
                          ? "no proof came within " + std::to_string(options_.proof_timeout.count()) + " ms"
                          : "the program ended before it showed that it had taken the message";
  co_await look_at_screen(correlation_id, submission);
}

awaitable<void> CommandSession::look_at_screen(std::string correlation_id, SubmitResult& submission) {
  auto screen = co_await context_.terminal->capture();
  if (!screen) co_return;
  std::string joined;  // a mark may be wrapped at the screen's edge
  for (auto const& line : screen->lines) {
    submission.screen += line + "\n";
    joined += line;
  }
  if (context_.terminal->alive() && joined.find(correlation_id) != std::string::npos)
    submission.reason += "; its text stands on the screen: the program may not have taken Enter";
}

void CommandSession::hold(std::string why, awaitable<void> over) {
  if (!closed_because_.empty()) return;
  closed_because_ = std::move(why);
  context_.emit(BlockChanged{});
  tasks_.spawn_vital("gate", open_after(std::move(over)), context_.on_death);
}

awaitable<void> CommandSession::open_after(awaitable<void> over) {
  co_await std::move(over);
  auto const state = co_await net::this_coro::cancellation_state;
  if (state.cancelled() != net::cancellation_type::none) co_return;
  closed_because_.clear();
  context_.emit(BlockChanged{});
}

awaitable<void> CommandSession::until_nobody_scrolls() {
  co_await context_.terminal->copy_mode_over(Clock::time_point::max());
}

// ---- what the program shows ----

bool CommandSession::output_matters() const {
  if (submitting_ || (turn_open_ && options_.turn_end)) return true;
  return std::ranges::any_of(typed_, [](Typed const& t) { return t.proof && t.proved_by.empty(); });
}

awaitable<Result<void>> CommandSession::follow() {
  if (following_) co_return Result<void>();
  auto watch = context_.terminal->watch_output();
  if (!watch) co_return watch.error();
  following_ = true;
  tasks_.spawn_vital("follow", follow_output(std::move(*watch)), context_.on_death);
  co_return Result<void>();
}

awaitable<void> CommandSession::follow_output(std::unique_ptr<terminal::Terminal::OutputWatch> watch) {
  // Also once more after the program's end, for its last words.
  for (bool alive = true; alive && output_matters();) {
    alive = context_.terminal->alive();
    if (alive) co_await watch->wait(Clock::time_point::max());
    auto const bytes = watch->take();
    if (bytes.empty() && alive) co_await look_back();
    for (auto const& line : lines_.feed(bytes)) {
      bool const in_turn = turn_open_;
      look_at(line);
      if (in_turn && turn_open_ && !end_came_ && turn_text_.size() < kLongestTurnText) turn_text_ += line + "\n";
    }
    if (!lines_.partial().empty()) look_at(lines_.partial());
    changed_.notify_all();
  }
  following_ = false;
  changed_.notify_all();
}

/// Woken without output: what was written while tmux's client was being replaced came to nobody, and stands
/// on the screen.
awaitable<void> CommandSession::look_back() {
  auto const screen = co_await context_.terminal->capture();
  if (!screen || typed_.empty()) co_return;
  // Below the proof of the message typed last: an end of turn there is that of its turn. A proof that was seen before
  // and is not on the screen any more stood above all of it.
  auto const shows_proof = [this](std::string const& line) {
    return std::ranges::any_of(typed_, [&](Typed const& t) { return t.proof && t.proof->matches(line); });
  };
  bool in_turn = end_unseen_ && typed_.back().proof && typed_.back().proved_by == kBeforeOurTime &&
                 std::ranges::none_of(screen->lines, shows_proof);
  std::string text;
  for (auto const& line : screen->lines) {
    auto const typed = std::ranges::find_if(typed_, [&](Typed const& t) { return t.proof && t.proof->matches(line); });
    if (typed != typed_.end()) {
      proved(*typed, "pattern");
      in_turn = typed->correlation_id == typed_.back().correlation_id;
      text.clear();
    } else if (in_turn && turn_open_ && options_.turn_end && options_.turn_end->matches(line)) {
      TurnEnded end;
      end.final_text = turn_text_.empty() ? text : turn_text_;
      end_turn(std::move(end));
    } else if (in_turn && !line.empty()) {
      text += line + "\n";
    }
  }
  if (turn_open_ && end_unseen_ && turn_text_.empty()) turn_text_ = std::move(text);
}

void CommandSession::look_at(std::string const& line) {
  for (auto& typed : typed_) {
    if (!typed.proof || !typed.proved_by.empty() || !typed.proof->matches(line)) continue;
    proved(typed, "pattern");
    return;
  }
  if (!turn_open_ || !options_.turn_end || !options_.turn_end->matches(line)) return;
  // What came before it may have been written before anybody listened: the screen, which is being read, has both.
  if (looking_back_)
    end_came_ = true;
  else
    end_with_text();
}

void CommandSession::end_with_text() {
  TurnEnded end;
  end.final_text = turn_text_;
  end_turn(std::move(end));
}

void CommandSession::proved(Typed& typed, std::string proof) {
  if (!typed.proved_by.empty()) return;
  typed.proved_by = proof;
  changed_.notify_all();
  bool const in_hand = submitting_ && &typed == &typed_.back();
  if (!in_hand) {
    Accepted accepted{typed.correlation_id, std::move(proof)};
    context_.emit(std::move(accepted));
  }
  begin_turn();
}

void CommandSession::begin_turn() {
  context_.emit(TurnStarted{});
  turn_open_ = true;
  end_unseen_ = false;
  turn_text_.clear();
  if (!options_.has_turns()) end_turn({});
}

void CommandSession::end_turn(TurnEnded end) {
  if (!turn_open_) return;
  turn_open_ = false;
  context_.emit(std::move(end));
  context_.emit(BlockChanged{});
}

// ---- what the program says ----

std::optional<ToolCall> CommandSession::tool_call(std::string const& event, json const& payload) const {
  return tool_call_of(event, payload);
}

ToolAnswer CommandSession::tool_answer(std::string const& event, json const& payload, ToolVerdict const& verdict) {
  return tool_answer_to(event, payload, verdict);
}

Result<json> CommandSession::hook(std::string const& event, json const& payload) {
  FieldReader in(payload);
  if (event == "MessageAccepted") {
    auto const correlation_id = in.string("correlationId");
    auto const message_id = in.maybe_integer("messageId");
    if (auto error = in.finish()) return *error;
    if (correlation_id.empty() && !message_id)
      return invalid("correlationId", "MessageAccepted needs the message's correlationId or messageId");
    auto const found = std::ranges::find_if(typed_, [&](Typed const& t) {
      return correlation_id.empty() ? t.message_id == *message_id : t.correlation_id == correlation_id;
    });
    if (found != typed_.end()) {
      proved(*found, "api");
    } else if (!correlation_id.empty()) {  // typed by an earlier daemon, perhaps: that is for the journal to know
      Accepted accepted{correlation_id, "api"};
      context_.emit(std::move(accepted));
    } else {
      return not_found("message_not_found",
                       "message " + std::to_string(*message_id) + " was not typed into this program");
    }
  } else if (event == "TurnStarted") {
    turn_open_ = true;
    end_unseen_ = false;
    turn_text_.clear();
    context_.emit(TurnStarted{});
  } else if (event == "TurnEnded") {
    TurnEnded end;
    end.final_text = in.string("text");
    end.error = in.string("error");
    end.error_kind = in.string("errorKind");
    if (auto error = in.finish()) return *error;
    if (!end.error.empty() || !end.error_kind.empty()) end.outcome = TurnEnded::Outcome::failed;
    end_turn(std::move(end));
  } else if (tool_call_of(event, payload)) {
    // Only tool hooks have something to say.
  } else if (event == "Status") {
    Noted noted{"program.status", payload};
    context_.emit(std::move(noted));
  } else {
    return not_found(
        "unknown_hook",
        "a command agent has the hooks MessageAccepted, TurnStarted, TurnEnded, Status, PermissionRequest, "
        "PreToolUse, PostToolUse and PostToolUseFailure, not " +
            event);
  }
  return ok(json::object());
}

awaitable<RecordedOutcome> CommandSession::query_outcome(Prompt prompt, bool process_gone) {
  auto const proved_before = [&] {
    auto const typed = std::ranges::find(typed_, prompt.correlation_id, &Typed::correlation_id);
    return typed != typed_.end() && !typed->proved_by.empty();
  };
  if (proved_before()) co_return RecordedOutcome::accepted;
  if (!options_.has_proof()) co_return RecordedOutcome::blind;
  // The turn before this message's has to be done with first.
  while (looking_back_ && !process_gone && context_.terminal->alive())
    co_await changed_.wait(Clock::now() + kLookAgain);
  bool const alive = !process_gone && context_.terminal->alive();
  auto const pattern = options_.proof_of(prompt.correlation_id, prompt.message_id);
  if (alive) {
    // Typed by an earlier daemon, perhaps: from now on its proof is waited for, so that none comes unseen
    // after the looks below.
    if (std::ranges::find(typed_, prompt.correlation_id, &Typed::correlation_id) == typed_.end())
      typed_.push_back({prompt.correlation_id, prompt.message_id, pattern});
    (void)co_await follow();
  }
  auto receipt = Receipt::unreadable;
  if (!receipts_.empty()) receipt = find_receipt(receipts_, prompt.correlation_id);
  // Its turn began unseen as well. (Told after the outcome, and before the next message can be submitted.)
  auto const taken_unseen = [&] {
    auto const typed = std::ranges::find(typed_, prompt.correlation_id, &Typed::correlation_id);
    if (!alive || !options_.has_turns() || typed == typed_.end() || !typed->proved_by.empty()) return;
    typed->proved_by = "record";
    begin_turn();
    take_up_turn();
  };
  if (receipt == Receipt::there) {
    taken_unseen();
    co_return RecordedOutcome::accepted;
  }
  if (pattern) {
    // What it wrote while nobody watched is on its screen.
    auto screen = co_await context_.terminal->capture();
    if (screen && std::ranges::any_of(screen->lines, [&](auto const& line) { return pattern->matches(line); })) {
      taken_unseen();
      co_return RecordedOutcome::accepted;
    }
  }
  if (proved_before()) co_return RecordedOutcome::accepted;
  if (alive) {
    if (!context_.terminal->alive()) co_return RecordedOutcome::pending;  // its end asks again
    // A daemon that was killed may have died before it typed anything: that is known, so it is no doubt.
    auto const last = co_await context_.terminal->last_typed();
    if (!last || *last == prompt.correlation_id) co_return RecordedOutcome::pending;
    if (proved_before()) co_return RecordedOutcome::accepted;
    std::erase_if(typed_, [&](Typed const& t) { return t.correlation_id == prompt.correlation_id; });
    co_return RecordedOutcome::absent;
  }
  if (receipt == Receipt::missing) co_return RecordedOutcome::absent;
  co_return receipts_.empty() && options_.proof_complete ? RecordedOutcome::absent : RecordedOutcome::blind;
}

awaitable<Result<void>> CommandSession::interrupt() {
  std::vector<std::string> keys{"C-c"};
  co_return co_await context_.terminal->keys(std::move(keys));
}

awaitable<Result<void>> CommandSession::compact() {
  co_return conflict("unsupported", "a command agent has no compaction");
}

awaitable<Result<void>> CommandSession::clear() {
  co_return conflict("unsupported", "a command agent has no context to clear");
}

awaitable<Result<void>> CommandSession::quit() {
  if (!options_.quit_keys.empty()) {
    auto pressed = co_await context_.terminal->keys(options_.quit_keys);
    if (pressed || pressed.error().code != "another_program") co_return pressed;
  }
  // As when its terminal is closed; interactive shells ignore SIGTERM. When it ends, the kernel tells the others there.
  context_.terminal->signal(SIGHUP);
  co_return Result<void>();
}

}  // namespace ar::adapters::command
