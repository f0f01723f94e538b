// The live side of a `command` agent: types messages and watches for what its profile declares as their
// proof.
#pragma once
#include "adapters/adapter.hpp"
#include "adapters/command/asks.hpp"
#include "adapters/command/command_options.hpp"
#include "adapters/command/input_guard.hpp"
#include "adapters/output_lines.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ar::adapters::command {

class CommandSession final : public ProviderSession {
 public:
  /// `receipts`: the program's own record (receipts.hpp); empty: it keeps none.
  CommandSession(SessionContext context, Options options, std::filesystem::path receipts);

  void start() override;
  awaitable<void> stop() override;
  Result<json> hook(std::string const& event, json const& payload) override;
  std::optional<ToolCall> tool_call(std::string const& event, json const& payload) const override;
  ToolAnswer tool_answer(std::string const& event, json const& payload, ToolVerdict const& verdict) override;
  awaitable<Result<json>> ask(std::string call, json payload) override {
    return asks_.ask(std::move(call), std::move(payload));
  }
  void ask_left(std::string const& call) override { asks_.left(call); }
  void answer(std::string const& key, Answer const& answer) override { asks_.answer(key, answer); }
  std::string block_reason(bool urgent) const override;
  awaitable<SubmitResult> submit(Prompt prompt, std::function<void(std::string_view)> on_step) override;
  awaitable<RecordedOutcome> query_outcome(Prompt prompt, bool process_gone) override;
  awaitable<Result<void>> interrupt() override;
  awaitable<Result<void>> compact() override;
  awaitable<Result<void>> clear() override;
  awaitable<Result<void>> quit() override;

 private:
  /// A message that was typed; the newest of them are remembered, since a proof may come late.
  struct Typed {
    std::string correlation_id;
    std::int64_t message_id = 0;
    std::optional<Pattern> proof{};
    std::string proved_by{};  ///< empty: not yet
  };

  awaitable<void> become_ready();
  /// What is to be typed, or an empty text and in `handing` why it cannot be.
  Envelope compose(Prompt const& prompt, std::optional<Pattern> const& proof, SubmitResult& submission) const;
  awaitable<void> type_and_prove(std::string text, std::function<void(std::string_view)> on_step,
                                 SubmitResult& submission);
  awaitable<bool> send(std::string text, std::function<void(std::string_view)> const& on_step,
                       SubmitResult& submission);
  awaitable<void> look_at_screen(std::string correlation_id, SubmitResult& submission);
  /// Takes no prompts until `over` returns.
  void hold(std::string why, awaitable<void> over);
  awaitable<void> open_after(awaitable<void> over);
  awaitable<void> until_nobody_scrolls();

  /// Makes sure that the output is read as long as anything in it matters.
  awaitable<Result<void>> follow();
  awaitable<void> follow_output(std::unique_ptr<terminal::Terminal::OutputWatch> watch);
  awaitable<void> look_back();
  void take_up_turn();
  awaitable<void> look_for_end();
  bool output_matters() const;
  void look_at(std::string const& line);
  void end_with_text();
  void proved(Typed& typed, std::string proof);
  void begin_turn();
  void end_turn(TurnEnded end);

  SessionContext context_;
  Options const options_;
  std::filesystem::path const receipts_;
  bool ready_ = false;
  bool submitting_ = false;
  bool following_ = false;
  bool turn_open_ = false;
  bool looking_back_ = false;     ///< for that end, on the screen
  bool end_came_ = false;         ///< meanwhile, in the output
  bool end_unseen_ = false;       ///< of the open turn: it may have come while nobody listened
  std::string closed_because_{};  ///< of what stands in the way of typing
  std::string turn_text_{};
  std::deque<Typed> typed_{};
  OutputLines lines_{};
  InputGuard guard_;
  Asks asks_;
  Notifier changed_;
  TaskGroup tasks_;
};

}  // namespace ar::adapters::command
