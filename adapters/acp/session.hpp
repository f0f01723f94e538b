// One running agent that speaks ACP, as the daemon drives it: over its host (host/host_main.cpp), which outlives the
// daemon. Nothing is typed into the terminal.
//
// All that is known of the agent comes out of the record's lines (Conversation), whoever caused them: an earlier
// daemon, the person at the terminal or this session. A new connection reads them from the process's beginning.
#pragma once
#include "adapters/acp/connection.hpp"
#include "adapters/acp/conversation.hpp"
#include "adapters/acp/options.hpp"
#include "adapters/acp/record.hpp"
#include "adapters/adapter.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace ar::adapters::acp {

/// io thread only.
class AcpSession final : public ProviderSession {
 public:
  AcpSession(std::string name, SessionContext context, Options options);

  void start() override;
  awaitable<void> stop() override;
  Result<json> hook(std::string const& event, json const& payload) override;
  void answer(std::string const& key, Answer const& answer) override;
  std::string block_reason(bool urgent) const override;
  awaitable<SubmitResult> submit(Prompt prompt, std::function<void(std::string_view)> on_step) override;
  awaitable<RecordedOutcome> query_outcome(Prompt prompt, bool process_gone) override;
  awaitable<Result<void>> interrupt() override;
  awaitable<Result<void>> compact() override;
  awaitable<Result<void>> clear() override;
  awaitable<Result<void>> quit() override;

 private:
  // session_attach.cpp: the connection and the conversation.
  awaitable<void> run();
  awaitable<Result<void>> attach();
  awaitable<Result<json>> greet();
  awaitable<Result<void>> open_session();
  awaitable<Result<json>> new_session();
  awaitable<Result<json>> load_session();
  awaitable<Result<void>> choose();
  awaitable<Result<void>> choose(std::string category, std::string wanted, char const* what);
  awaitable<Result<void>> note_conversation();
  void become_live();
  void on_line(std::string const& line, bool is_live);
  /// `error`: what the agent itself refused, with its own code in `field`.
  awaitable<Result<json>> call(std::string method, json params, Clock::duration limit);
  awaitable<Result<json>> answer_to(std::string id, std::string what, Clock::duration limit);
  std::string next_id();

  // session.cpp
  void on_event(ProviderEvent event);
  void emit(ProviderEvent event) const;
  void announce_gate();
  void set_problem(std::string problem);
  void tell_waiting();
  void look_at_asks();
  void respond(Conversation::Ask const& ask, std::optional<Decision> decision);
  awaitable<bool> wait_for(std::function<bool()> condition, Clock::duration limit);
  json prompt_blocks(std::string text) const;

  // Set once.
  std::string const name_;
  SessionContext ctx_;
  Options options_;
  Files files_;

  std::shared_ptr<Connection> connection_{};
  Conversation conversation_;
  bool live_ = false;  ///< the conversation is as new as the record
  bool ready_ = false;
  bool ended_ = false;
  bool quitting_ = false;
  bool turn_told_ = false;         ///< that a turn runs
  std::set<std::string> asked_{};  ///< keys of what was told to be asked
  std::string last_error_{};       ///< of the agent, in its own words and code
  std::int64_t last_error_code_ = 0;
  std::string problem_{}, waiting_{}, gate_{};
  std::string id_prefix_;
  std::int64_t last_id_ = 0;

  AsyncMutex sending_;
  Notifier changed_;
  TaskGroup tasks_;
};

}  // namespace ar::adapters::acp
