// A message's way into the conversation and the proof that it is there; and the rest of what people want.
#include "adapters/acp/session.hpp"
#include "adapters/envelope.hpp"
#include "adapters/relay_note.hpp"
#include "adapters/relay_tools.hpp"

#include <csignal>
#include <utility>

namespace ar::adapters::acp {
namespace {

using std::chrono::seconds;

/// Nothing in a text is changed on its way; only what would fill the model's context goes as a file.
constexpr InlineRules kInline{
    .max_bytes = 128U << 10, .newlines = true, .tabs = true, .trailing_blanks = true, .controls = true};
/// The first update comes with the model's first words, which may be long in coming: `unknown` until then.
constexpr auto kProofPatience = seconds(60);
constexpr auto kCommandPatience = seconds(20);

json text_block(std::string text) { return {{"type", "text"}, {"text", std::move(text)}}; }

}  // namespace

/// ACP has no system prompt: what the agent is to know of the bus stands before its first message.
json AcpSession::prompt_blocks(std::string text) const {
  json blocks = json::array();
  if (!conversation_.is_instructed()) {
    auto const& request = ctx_.request;
    auto told = added_instructions(request, "\"$AGENT_RUNNER_CLI\"", has_relay_tools(request, options_.relay_tools));
    if (request.profile && !request.profile->system.empty())
      told = request.profile->system + (told.empty() ? "" : "\n\n") + told;
    if (!told.empty()) blocks.push_back(text_block(told + "\n\n"));
  }
  blocks.push_back(text_block(std::move(text)));
  return blocks;
}

awaitable<SubmitResult> AcpSession::submit(Prompt prompt, std::function<void(std::string_view)> on_step) {
  SubmitResult submission;
  auto const lock = co_await sending_.lock();
  auto framed = frame(prompt, kInline);
  if (framed.as_file) {
    auto const written = co_await write_body_file(ctx_.files, prompt);
    if (!written) submission.reason = written.error().message;
  }
  if (submission.reason.empty()) submission.reason = block_reason(prompt.urgent);
  if (!submission.reason.empty()) co_return submission;
  auto const connection = connection_;
  auto const id = next_id();
  json params{{"sessionId", conversation_.session_id()}};
  params["prompt"] = prompt_blocks(std::move(framed.text));
  json const request{{"jsonrpc", "2.0"}, {"id", id}, {"method", "session/prompt"}, {"params", std::move(params)}};
  if (on_step) on_step("typed");
  connection->send(request);
  if (on_step) on_step("entered");
  auto const deadline = Clock::now() + kProofPatience;
  json answer;
  auto const taken = [&] { return conversation_.holds(prompt.correlation_id); };
  auto const open = [&] { return connection->is_open() && live_ && !ended_; };
  while (!taken() && answer.is_null() && open() && Clock::now() < deadline) {
    co_await changed_.wait(deadline);
    answer = conversation_.take_answer("s" + id);
  }
  if (taken()) {
    submission.outcome = SubmitOutcome::accepted;
  } else if (!answer.is_null()) {
    // Its word for: no, or the host's: a person was first. Nothing of it is there.
    submission.outcome = SubmitOutcome::held;
    submission.reason = name_ + " does not take it: " + error_text(object_at(answer, "error"));
  } else {
    submission.outcome = SubmitOutcome::unknown;
    submission.reason = open() ? name_ + " has it and has shown nothing yet"
                               : std::string("the connection to the agent's host was lost");
  }
  co_return submission;
}

awaitable<RecordedOutcome> AcpSession::query_outcome(Prompt prompt, bool /*process_gone*/) {
  // Without the record nobody can tell; its return asks again.
  auto const connection = connection_;
  if (!ready_ || !live_ || !connection) co_return RecordedOutcome::pending;
  auto const known = conversation_.outcome_of(prompt.correlation_id);
  if (known != RecordedOutcome::absent) co_return known;
  // This process was not given it. An earlier one may have been, before an earlier daemon died.
  auto job = [newest = files_.dir / connection->file(), earlier = ctx_.earlier_transcript,
              id = prompt.correlation_id] {
    auto conversation = read_conversation(newest);
    if (!conversation) return RecordedOutcome::pending;
    auto const says = conversation->outcome_of(id);
    if (says != RecordedOutcome::absent || earlier.empty() || earlier == newest) return says;
    conversation = read_conversation(earlier);
    auto const said = conversation ? conversation->outcome_of(id) : RecordedOutcome::blind;
    return said == RecordedOutcome::pending ? RecordedOutcome::blind : said;  // that process has ended
  };
  co_return co_await ctx_.files.run(std::move(job));
}

awaitable<Result<void>> AcpSession::interrupt() {
  auto const connection = connection_;
  if (!ready_ || !connection) co_return conflict("not_ready", "cannot interrupt now: " + block_reason(false));
  if (!conversation_.prompt_runs()) co_return Result<void>();
  json const cancel{
      {"jsonrpc", "2.0"}, {"method", "session/cancel"}, {"params", {{"sessionId", conversation_.session_id()}}}};
  connection->send(cancel);
  std::function<bool()> const over = [this] { return !conversation_.prompt_runs() || ended_; };
  auto const stopped = co_await wait_for(over, kCommandPatience);
  if (!stopped) co_return timed_out(name_ + " did not stop its turn; restart the agent");
  co_return Result<void>();
}

awaitable<Result<void>> AcpSession::compact() {
  co_return conflict("unsupported", "the Agent Client Protocol has no way to compact a conversation");
}

awaitable<Result<void>> AcpSession::clear() {
  auto const lock = co_await sending_.lock();
  if (auto const reason = block_reason(false); !reason.empty())
    co_return conflict("not_ready", "cannot clear now: " + reason);
  auto const connection = connection_;
  auto const opened = co_await new_session();
  if (!opened) co_return opened.error();
  auto chosen = co_await choose();
  if (!chosen) co_return chosen.error();
  auto noted = co_await note_conversation();
  if (!noted) co_return noted.error();
  emit(SessionChanged{conversation_.session_id(), (files_.dir / connection->file()).string()});
  co_return Result<void>();
}

awaitable<Result<void>> AcpSession::quit() {
  if (!ctx_.terminal->alive()) co_return Result<void>();
  quitting_ = true;
  announce_gate();
  ctx_.terminal->signal(SIGTERM);  // to the host, which ends the agent and what it has left behind
  co_return Result<void>();
}

}  // namespace ar::adapters::acp
