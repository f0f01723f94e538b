// One running Codex as the daemon drives it: over its app server, one thread per agent. The terminal belongs
// to people; nothing is ever typed into it.
//
// A message is accepted when the server says that its user-message item, which carries our id, is complete:
// from then on it is in the thread's record. The connection may be lost at any time; it is made again, and
// what became of messages and turns meanwhile is asked of the thread and its record.
#pragma once
#include "adapters/adapter.hpp"
#include "adapters/codex/connection.hpp"
#include "adapters/codex/launch.hpp"
#include "adapters/codex/options.hpp"
#include "adapters/codex/protocol.hpp"
#include "adapters/codex/record.hpp"
#include "adapters/codex/versions.hpp"
#include "adapters/envelope.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ar::adapters::codex {

/// io thread only.
class CodexSession final : public ProviderSession {
 public:
  CodexSession(SessionContext context, Options options);

  void start() override;
  awaitable<void> stop() override;
  Result<json> hook(std::string const& event, json const& payload) override;
  std::optional<ToolCall> tool_call(std::string const& event, json const& payload) const override;
  ToolAnswer tool_answer(std::string const& event, json const& payload, ToolVerdict const& verdict) override;
  void answer(std::string const& key, Answer const& answer) override;
  std::string block_reason(bool urgent) const override;
  awaitable<std::string> running_work() override;
  awaitable<SubmitResult> submit(Prompt prompt, std::function<void(std::string_view)> on_step) override;
  awaitable<RecordedOutcome> query_outcome(Prompt prompt, bool process_gone) override;
  awaitable<Result<void>> interrupt() override;
  awaitable<Result<void>> compact() override;
  awaitable<Result<void>> clear() override;
  awaitable<Result<void>> quit() override;

 private:
  /// A request of the server's that a person must answer.
  struct Ask {
    std::string key, method;
    json id, params;
    std::string waiting_for;  ///< for people
    bool answered = false;    ///< from here
  };

  /// Another thread of its server's.
  struct OtherThread {
    std::optional<bool> active{};           ///< by its newest status; nothing: none was told
    bool told = false;                      ///< that it works
    std::optional<WorkStarted> subagent{};  ///< nothing: no subagent, or not known to be one
  };

  // session_attach.cpp: the connection and the thread.
  awaitable<void> run();
  awaitable<Result<void>> attach();
  awaitable<Result<void>> greet();
  awaitable<Result<void>> check_login();
  awaitable<void> offer_skills();
  awaitable<Result<json>> thread_params();
  awaitable<Result<void>> trust_tool_hooks(std::shared_ptr<Connection> connection, json& config);
  awaitable<Result<void>> start_thread(bool clear);
  awaitable<Result<void>> resume_thread();
  awaitable<Result<void>> catch_up(json const& thread);
  void show_thread(bool again = false);
  void connection_lost();
  void attach_again();

  // session_subagents.cpp: threads that work for it.
  void on_thread_status(std::string const& id, ThreadStatus const& status);
  void note_subagent(json const& thread);
  void tell_work(OtherThread& other);
  void forget_others();
  awaitable<void> meet(std::string id);
  awaitable<void> find_subagents();

  // session.cpp: what the server says becomes events.
  void emit(ProviderEvent event) const;
  void announce_gate();
  void on_frame(json const& frame);
  void on_notification(std::string const& method, json const& params);
  void got_through();
  void on_config_warning(json const& params);
  void on_item(bool finished, json const& params);
  void turn_started(std::string const& id);
  void turn_ended(std::string const& id, TurnEnded end);
  void on_other_thread(json const& thread);
  void set_problem(std::string problem);
  void tell_waiting();

  // session_ask.cpp: people are asked.
  void on_request(std::string const& method, json const& id, json const& params);
  void on_request_resolved(json const& id);
  void flags_cleared();
  void end_asks();
  awaitable<void> tell(Ask ask, Answer answer);
  void keep_changes(json const& item);

  // session_hand.cpp: messages; session_commands.cpp: the rest of what people want.
  awaitable<Result<std::string>> send(Prompt const& prompt, std::string text);
  awaitable<void> await_proof(Prompt const& prompt, std::string const& turn, Clock::time_point deadline,
                              SubmitResult& submission);
  Envelope frame_for(Prompt prompt) const;
  bool mentions_skill(std::string_view text) const;
  bool proven(std::string const& correlation_id) const;
  bool turn_is_over(std::string const& id) const;
  bool record_holds(std::string const& correlation_id);
  void look_again_later();
  awaitable<bool> wait_for(std::function<bool()> condition, Clock::duration limit);

  // Set once.
  SessionContext ctx_;
  Options options_;
  Files files_;
  std::filesystem::path home_;  ///< CODEX_HOME
  VersionRow const* row_;

  std::shared_ptr<Connection> connection_{};
  Clock::time_point connected_at_{};
  std::vector<std::string> skills_{};  ///< names that Codex would take from a text after a $

  // What is known about the thread.
  bool ready_ = false;
  bool ended_ = false;
  bool quitting_ = false;
  bool starting_thread_ = false;  ///< the next new thread is ours
  bool compacting_ = false;
  int compactions_ = 0;
  std::string thread_;
  std::string model_{};
  std::string turn_{};                     ///< the running one
  std::string last_text_{};                ///< the model's last words in it
  bool did_nothing_ = false;               ///< and all of it was seen: the model has said and called nothing in it
  int attempts_ = 0;                       ///< that it has asked its model again since that answered last
  std::optional<WallTime> limit_ends_{};   ///< of the account, as far as a limit is known to be used up
  std::deque<std::string> ended_turns_{};  ///< the newest few dozen
  std::deque<std::string> taken_{};        ///< correlation ids of completed user messages, the newest few hundred
  std::map<std::string, Ask> asks_{};      ///< open requests to a person, by the server's ids
  bool asked_ = false;                     ///< something was asked, and that nothing is any more has not been said
  std::map<std::string, OtherThread> others_{};         ///< those that have worked, by their ids
  std::deque<std::pair<std::string, json>> changes_{};  ///< of the newest fileChange items, by their ids
  std::string flag_{};                                  ///< what the thread's status says it waits for
  std::string config_fault_{};                          ///< where its configuration is wrong, as the server says
  bool config_ignored_ = false;                         ///< and so it goes on without it
  std::string problem_{};                               ///< why the thread cannot be used at all
  std::string waiting_{};                               ///< as announced
  std::string gate_{};                                  ///< as announced
  std::string in_hand_{};                               ///< the correlation id whose proof hand() waits for
  std::optional<Record> record_{};

  AsyncMutex sending_;
  Notifier changed_;  ///< any of the above changed
  TaskGroup tasks_;
};

}  // namespace ar::adapters::codex
