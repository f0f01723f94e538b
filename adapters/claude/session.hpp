// One running Claude Code process: what it tells about itself becomes events, and prompts are typed into it.
//
// Four sources, each of which knows what the others do not: hooks (turns, tools, subagents), the transcript
// (what the model was given), the live state file (busy, idle, waiting: also for what fires no hook, such as
// Escape) and the screen (asked only before typing, and when something does not come).
#pragma once
#include "adapters/adapter.hpp"
#include "adapters/claude/live_state.hpp"
#include "adapters/claude/messaging_socket.hpp"
#include "adapters/claude/notices.hpp"
#include "adapters/claude/options.hpp"
#include "adapters/claude/prompt_text.hpp"
#include "adapters/claude/screen.hpp"
#include "adapters/claude/transcript.hpp"
#include "adapters/claude/versions.hpp"
#include "base/file_watch.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace ar::adapters::claude {

/// io thread only.
class ClaudeSession final : public ProviderSession {
 public:
  ClaudeSession(SessionContext context, Options options);

  void start() override;
  awaitable<void> stop() override;
  Result<json> hook(std::string const& event, json const& payload) override;
  std::optional<ToolCall> tool_call(std::string const& event, json const& payload) const override;
  ToolAnswer tool_answer(std::string const& event, json const& payload, ToolVerdict const& verdict) override;
  awaitable<Result<json>> ask(std::string call, json payload) override;
  void ask_left(std::string const& call) override;
  void answer(std::string const& key, Answer const& answer) override;
  std::string block_reason(bool urgent) const override;
  std::string block_reason_of_notice() const override;
  awaitable<std::string> running_work() override;
  awaitable<SubmitResult> submit(Prompt prompt, std::function<void(std::string_view)> on_step) override;
  awaitable<RecordedOutcome> query_outcome(Prompt prompt, bool process_gone) override;
  awaitable<Result<void>> interrupt() override;
  awaitable<Result<void>> compact() override;
  awaitable<Result<void>> clear() override;
  awaitable<Result<void>> quit() override;

 private:
  /// What stands in the way of typing, found on the screen.
  struct Obstacle {
    std::string reason{};  ///< empty: none, the composer is ours
    std::string screen{};
    bool draft_set_aside = false;
  };

  /// A hook that waits for its answer.
  struct Ask {
    json payload{};
    std::string waiting_for{};  ///< for people
    std::string tool_call{};    ///< what it is about; empty: not known
    Clock::time_point since{};
    std::optional<json> output{};  ///< what the hook is to print, once that is known
  };

  /// One that stands on the screen alone, as it was told.
  struct Dialog {
    std::string key, summary;
  };

  // session.cpp: facts become events.
  void emit(ProviderEvent event) const;
  void announce_gate();
  void become_ready(std::string session_id, std::string transcript, std::string model, bool resumed);
  void follow(std::filesystem::path transcript, bool from_end);
  void note_early(std::string const& correlation_id);
  void turn_started();
  void turn_ended(TurnEnded ended);
  void waiting_for(std::string what);
  void on_live_state(LiveState now);
  void on_fact(TranscriptFact const& fact);
  void read_live_state();
  void read_transcript();
  void compaction_over();
  void end_by_grace();
  void hook_session_start(json const& payload);
  void follow_session(json const& payload);
  void go_on_with(std::string const& id, std::string const& transcript, bool from_end);
  void hook_stop(json const& payload);
  void end_as_proposed();
  void hook_stop_failure(json const& payload);
  void hook_tool(std::string const& event, json const& payload);
  void hook_status_line(json const& payload);
  awaitable<void> watch_files();
  awaitable<void> watch_start();
  awaitable<void> ready_without_hook();
  awaitable<void> settle(std::uint64_t change, std::uint64_t turn);

  // session_ask.cpp: people are asked.
  awaitable<void> after_ask_left(std::string call);
  void tell_asked();
  awaitable<void> look_at_dialog(std::uint64_t change);
  void tell_dialog(std::string const& what, std::string const& screen);
  void dialog_over();
  void end_asks();
  awaitable<void> end_young_asks();
  void follow_tool_call(std::string const& event, json const& payload);

  // session_submit.cpp: typing prompts; session_commands.cpp: typing commands.
  awaitable<Obstacle> approach(terminal::Terminal::OutputWatch& watch);
  awaitable<std::optional<View>> look(bool& copy_mode, std::string* screen = nullptr);
  awaitable<std::optional<View>> await_view(terminal::Terminal::OutputWatch& watch, std::string text,
                                            Clock::time_point deadline, std::string words = {});
  awaitable<Typed> form_of(Prompt prompt);
  awaitable<bool> type_in(Prompt const& prompt, Typed const& typed, std::function<void(std::string_view)> on_step,
                          SubmitResult& submission);
  awaitable<bool> press_until_taken(Prompt const& prompt, std::string label, terminal::Terminal::OutputWatch& watch);
  awaitable<void> await_proof(Prompt const& prompt, SubmitResult& submission);
  awaitable<bool> clear_composer(terminal::Terminal::OutputWatch& watch);
  bool is_ours(View const& view) const;
  bool may_set_aside(View const& view) const;
  awaitable<void> bring_draft_back(terminal::Terminal::OutputWatch& watch);
  awaitable<void> clear_leftover();
  awaitable<void> mark_unknown(SubmitResult& submission, std::string reason);
  awaitable<Result<void>> press(std::string_view key);
  awaitable<void> watch_obstacle();
  awaitable<Result<void>> run_command(std::string command);
  awaitable<bool> wait_for(std::function<bool()> condition, Clock::duration limit);
  void block(std::string reason);
  bool signs_of(std::string const& correlation_id) const;
  awaitable<bool> take_out_of_composer(Prompt prompt);
  void look_again_later();
  std::string closed_terminal(bool urgent) const;
  void finish(Prompt const& prompt, SubmitResult const& submission);
  void remember_label(std::string label);

  // session_socket.cpp: prompts go to the messaging socket.
  bool has_socket() const;
  bool goes_by_socket(Prompt const& prompt) const;
  std::string closed_socket(bool urgent) const;
  awaitable<std::optional<SubmitResult>> submit_by_socket(Prompt prompt, std::function<void(std::string_view)> on_step);
  bool is_at_rest() const;
  bool may_come_by_socket(std::string const& correlation_id);
  void forget_written(std::string const& correlation_id);

  // session_retries.cpp: it asks its model again.
  awaitable<void> watch_retries(std::uint64_t turn);

  // session_notices.cpp: notices go beside the terminal.
  bool has_monitor() const;
  awaitable<SubmitResult> offer(Prompt prompt, std::function<void(std::string_view)> on_step);
  awaitable<void> ring_until_fetched();
  json tell_of_bell();
  json hook_file_changed();
  bool may_be_on_its_way(std::string const& correlation_id);

  // Set once.
  SessionContext ctx_;
  Options options_;
  std::filesystem::path config_dir_;
  std::filesystem::path home_;
  VersionRow const* row_;
  Clock::time_point const started_at_ = Clock::now();

  // What is known about the process.
  bool ready_ = false;
  bool ended_ = false;
  bool turn_running_ = false;
  std::uint64_t turns_ = 0;  ///< begun so far
  bool compacting_ = false;
  std::optional<LiveState> live_{};
  std::uint64_t live_changes_ = 0;
  std::string session_id_;
  bool tool_called_ = false;               ///< in the running turn, as far as known
  bool model_spoke_ = false;               ///< ... by the transcript, which comes later than the hooks
  std::optional<WallTime> limit_ends_{};   ///< of the account, as far as the status line says that one is used up
  std::string last_text_{};                ///< the model's last text, for turns that end without a hook
  std::optional<std::string> proposed_{};  ///< the text of a Stop: the turn's last one, unless a hook has it go on
  bool interrupted_ = false;               ///< the transcript shows it for the running turn
  std::string waiting_{};                  ///< what a person is asked for
  std::map<std::string, Ask> asks_{};      ///< by the calls of their hooks
  Clock::time_point settled_at_{};         ///< until then, hooks of before our time may still come back
  std::optional<Dialog> dialog_{};         ///< the one on the screen
  std::uint64_t dialog_looked_ = 0;        ///< the change of the live state for which the screen was looked at
  bool limit_menu_ = false;                ///< what the live state waits for is the menu of a used-up account
  bool asked_ = false;                     ///< something was asked, and that nothing is any more has not been said
  std::deque<std::pair<std::string, std::size_t>> calls_{};  ///< the newest tool calls: id, and a hash of what they are
  std::string blocked_{};        ///< what the screen showed in place of an empty composer, until it is gone
  std::string resting_draft_{};  ///< a draft nobody has touched for a while: it may be set aside
  std::string gate_{};           ///< as announced
  int compactions_ = 0;          ///< begun so far
  std::map<std::string, WallTime>
      early_{};  ///< correlation ids the CLI has taken from its composer, not yet shown to the model
  std::set<std::string> submitted_{};  ///< correlation ids of prompts that UserPromptSubmit has shown
  static constexpr std::size_t kHandedKept = 64;
  std::deque<std::string> handed_{};        ///< correlation ids of the newest prompts: recognised in the composer
  std::deque<std::string> typed_labels_{};  ///< how the composer showed our newest pastes: "[Pasted text #7 +3 lines]"
  std::string in_hand_{};                   ///< the correlation id whose proof hand() waits for
  std::string in_hand_text_{};              ///< and what its record has to hold
  bool altered_ = false;                    ///< it holds something else
  std::map<std::string, Clock::time_point> written_{};  ///< to the socket, and not shown by the record yet
  SocketAllowance allowance_{};
  bool socket_unheard_ = false;  ///< what is written to this process's socket does not arrive
  Notices notices_{};
  bool ringing_ = false;
  bool looks_again_ = false;  ///< look_again_later() waits
  Ledger ledger_;
  std::optional<TranscriptFile> transcript_{};  ///< the one that is followed
  std::set<std::filesystem::path> records_{};   ///< all that may hold a prompt of this process

  FileWatch files_;
  AsyncMutex keyboard_;  ///< held from the first look at the composer to the sign that Enter was taken
  Notifier changed_;     ///< any of the above changed
  TaskGroup tasks_;
};

}  // namespace ar::adapters::claude
