// Giving prompts to Claude Code at its messaging socket: the composer, a draft in it, what lies over it and copy mode
// are left alone. The proof is the record's, as for what is typed.
#include "adapters/claude/session.hpp"

#include <spdlog/spdlog.h>

namespace ar::adapters::claude {
namespace {

constexpr auto kTakenWithin = std::chrono::seconds(10);  ///< from the line to the record of a CLI at rest
constexpr auto kOperator = "operator";                   ///< a person, or who speaks for one

}  // namespace

/// Its process was started with it, and makes it.
bool ClaudeSession::has_socket() const {
  return options_.road != Options::Road::terminal && live_ && !live_->socket.empty() &&
         live_->socket == messaging_socket(ctx_.request.agent_dir);
}

bool ClaudeSession::goes_by_socket(Prompt const& prompt) const {
  if (!has_socket() || socket_unheard_) return false;
  // The model is told that another session speaks: no word of a person's, and none of ours, may lose its weight by it.
  bool const is_an_order = prompt.message_id == 0 || prompt.from == kOperator;
  return options_.road == Options::Road::socket || !is_an_order;
}

std::string ClaudeSession::closed_socket(bool urgent) const {
  if (ended_) return "Claude Code has ended";
  if (!ready_) return "Claude Code is starting";
  if (compacting_) return "the context is being compacted";
  bool const in_turn = turn_running_ || (live_ && live_->busy());
  if (!urgent && in_turn && !waiting_.empty()) return "waiting for a person: " + waiting_;
  if (!urgent && in_turn) return "a turn is running";
  return {};
}

/// Nothing: it goes by the terminal, and nothing of it is in the CLI.
awaitable<std::optional<SubmitResult>> ClaudeSession::submit_by_socket(Prompt prompt,
                                                                       std::function<void(std::string_view)> on_step) {
  SubmitResult submission;
  auto const message = socket_message(prompt);
  if (message.as_file) {
    auto const written = co_await write_body_file(ctx_.files, prompt);
    if (!written) submission.reason = written.error().message;  // the disk may have room again
  }
  if (submission.reason.empty()) submission.reason = block_reason(prompt.urgent);
  if (!submission.reason.empty()) co_return submission;
  if (!goes_by_socket(prompt) || !allowance_.take(prompt.from, Clock::now())) co_return std::nullopt;

  in_hand_ = prompt.correlation_id;
  in_hand_text_ = message.text;
  altered_ = false;
  handed_.push_back(prompt.correlation_id);
  if (handed_.size() > kHandedKept) handed_.pop_front();
  written_[prompt.correlation_id] = Clock::now();
  auto const written = co_await write_line(live_->socket, message.line);
  if (written == Written::nothing) {
    spdlog::warn("{}: nobody listens at Claude Code's messaging socket; messages are typed", ctx_.request.agent_id);
    written_.erase(prompt.correlation_id);
    in_hand_.clear();
    socket_unheard_ = true;
    co_return std::nullopt;
  }
  if (on_step) on_step("written");
  // Also of a line that was cut off: what the CLI has made of it, its record says.
  co_await await_proof(prompt, submission);
  in_hand_.clear();
  finish(prompt, submission);
  co_return submission;
}

/// Not at rest, the CLI may keep it: for the end of a turn, or of a dialog.
bool ClaudeSession::is_at_rest() const {
  return ready_ && !ended_ && !turn_running_ && !compacting_ && waiting_.empty() && (!live_ || live_->at_rest());
}

/// Of a message that the record does not show: whether the CLI may have it from its socket, and show it yet.
bool ClaudeSession::may_come_by_socket(std::string const& correlation_id) {
  auto const written = written_.find(correlation_id);
  // What the daemon before this one has written nobody here knows: as if it had been just now.
  bool const may_be_written = written != written_.end() || (ctx_.adopted && has_socket());
  if (!may_be_written) return false;
  auto const since = written != written_.end() ? written->second : started_at_;
  bool const is_fresh = Clock::now() < since + kTakenWithin;
  bool const at_rest = is_at_rest();
  if (at_rest && is_fresh) look_again_later();  // else the end of what it is at brings the question again
  return is_fresh || !at_rest;
}

/// It was written, and the CLI has dropped it. What it drops once it may drop again: this process is typed into.
void ClaudeSession::forget_written(std::string const& correlation_id) {
  if (written_.erase(correlation_id) == 0) return;
  spdlog::warn("{}: Claude Code does not take what comes at its messaging socket; messages are typed",
               ctx_.request.agent_id);
  socket_unheard_ = true;
}

}  // namespace ar::adapters::claude
