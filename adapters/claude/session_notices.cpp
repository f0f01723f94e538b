// Giving notices to Claude Code beside its terminal: its own hook fetches them, and its record proves that the model
// was given them. The composer, a draft in it and an open dialog are left alone.
#include "adapters/claude/session.hpp"

#include <spdlog/spdlog.h>

namespace ar::adapters::claude {

using Standing = Notices::Standing;

bool ClaudeSession::has_monitor() const { return options_.monitor && !notices_.is_unheard(); }

std::string ClaudeSession::block_reason_of_notice() const {
  if (!has_monitor()) return block_reason(false);
  if (ended_) return "Claude Code has ended";
  if (!ready_) return "Claude Code is starting";
  if (compacting_) return "the context is being compacted";
  if (!notices_.has_room()) return std::to_string(Notices::kMost) + " notices wait inside Claude Code";
  return {};
}

awaitable<SubmitResult> ClaudeSession::offer(Prompt prompt, std::function<void(std::string_view)> on_step) {
  SubmitResult submission;
  auto form = [prompt, cwd = ctx_.request.cwd, home = home_, row = row_] {
    return notice_form(prompt, cwd, home, *row);
  };
  auto const notice = co_await ctx_.files.run(std::move(form));
  if (notice.as_file) {
    auto const written = co_await write_body_file(ctx_.files, prompt);
    if (!written) submission.reason = written.error().message;  // the disk may have room again
  }
  if (submission.reason.empty()) submission.reason = block_reason_of_notice();
  if (submission.reason.empty() && !has_monitor()) submission.reason = "Claude Code has not fetched the notices before";
  if (!submission.reason.empty()) co_return submission;
  notices_.offer(prompt.correlation_id, notice.text, Clock::now());
  if (on_step) on_step("offered");
  if (!ringing_) tasks_.spawn_vital("bell", ring_until_fetched(), ctx_.on_death);
  submission.outcome = SubmitOutcome::offered;
  co_return submission;
}

awaitable<void> ClaudeSession::ring_until_fetched() {
  ringing_ = true;
  while (notices_.wait()) {
    if (notices_.take_back(Clock::now())) {
      spdlog::warn("{}: Claude Code does not fetch its notices; they are typed", ctx_.request.agent_id);
      emit(BlockChanged{});  // what was taken back is asked about, and typed
      break;
    }
    auto job = [bell = bell_of(ctx_.request.agent_dir)] { return ring(bell); };
    auto const rung = co_await ctx_.files.run(std::move(job));
    if (!rung) spdlog::warn("{}: {}", ctx_.request.agent_id, rung.error().message);
    auto const fetches = notices_.fetches();
    std::function<bool()> const fetched = [this, fetches] { return notices_.fetches() != fetches || ended_; };
    co_await wait_for(fetched, Notices::kRingAgain);
    if (ended_) break;
  }
  ringing_ = false;
}

/// The answer of SessionStart, from which on the CLI watches it. A new session (/clear) has to be told anew.
json ClaudeSession::tell_of_bell() {
  notices_.bell_told();
  json const paths = json::array({bell_of(ctx_.request.agent_dir).string()});
  return {{"hookSpecificOutput", {{"hookEventName", "SessionStart"}, {"watchPaths", paths}}}};
}

json ClaudeSession::hook_file_changed() {
  auto notices = notices_.fetch(Clock::now());
  if (notices.empty()) return json::object();
  look_again_later();  // where the CLI has not taken them by then, its record is asked
  return {{"notices", std::move(notices)}};
}

/// Of a notice that the record does not show: whether it may be said to be absent.
bool ClaudeSession::may_be_on_its_way(std::string const& correlation_id) {
  // What a hook was given while the daemon before this one lived, nobody here knows: as if it had been just now.
  auto const now = Clock::now();
  bool const is_adopted = notices_.standing(correlation_id) == Standing::unknown;
  bool const is_fresh = is_adopted ? now < started_at_ + Notices::kTakenWithin : notices_.is_fresh(correlation_id, now);
  bool const at_rest = is_at_rest();
  if (at_rest && is_fresh) look_again_later();  // else the end of what it is at brings the question again
  return is_fresh || !at_rest;
}

}  // namespace ar::adapters::claude
