// An agent's conversation as its record tells it: which prompt runs, which messages were taken, what is asked. The
// same lines come live from the host and from the file after everything has ended, so that one class reads both.
//
// A message is taken when the agent shows the first update that its prompt has caused, or answers it (version 1 of the
// protocol acknowledges nothing); or when the agent replays it on session/load.
#pragma once
#include "adapters/acp/protocol.hpp"
#include "adapters/prompt.hpp"
#include "adapters/provider_event.hpp"
#include "base/json.hpp"

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ar::adapters::acp {

class Conversation {
 public:
  using Emit = std::function<void(ProviderEvent)>;
  /// `emit`: what happens, as it happens; empty: nobody wants to know.
  explicit Conversation(Emit emit = {}) : emit_(std::move(emit)) {}

  /// One line of the record; anything may stand there.
  void take(std::string_view line);

  /// What its process has answered; null: it has not yet.
  json const& initialized() const { return initialized_; }
  /// Of session/new or session/load, with what set_config_option has changed since.
  json const& session() const { return session_; }
  std::string const& session_id() const { return session_id_; }
  /// A request of this method has no answer yet; empty: none. Else its id.
  std::string waits_for(std::string_view method) const;
  /// The answer to a request of ours ({result} or {error}), once; null: none has come.
  json take_answer(std::string const& id);

  bool prompt_runs() const { return prompt_.has_value(); }
  /// The model was told what the bus is, or some message reached it without: it is not told any more.
  bool is_instructed() const { return instructed_; }

  struct Ask {
    std::string key;
    json id, params;
  };
  std::map<std::string, Ask> const& asks() const { return asks_; }

  /// What became of a message.
  bool holds(std::string const& correlation_id) const { return taken_.contains(correlation_id); }
  /// The record answers for it: `pending` while its prompt runs, and after its process's end until the conversation is
  /// loaded again; `blind` when it was not.
  RecordedOutcome outcome_of(std::string const& correlation_id) const;
  /// How the turn ended that took the last of these; nothing: it has not.
  std::optional<TurnEnded> end_of(std::vector<std::string> const& correlation_ids) const;
  /// The agent says it can load a conversation.
  bool can_load() const;

 private:
  struct RunningPrompt {
    std::string id;
    std::vector<std::string> correlation_ids{};
    bool taken = false;
    bool did_nothing = true;
    std::string text{};  ///< the model's last words
  };

  void begin_process(bool goes_on);
  void to_agent(json const& frame);
  void from_agent(json const& frame);
  void from_host(json const& frame);
  void on_update(json const& update);
  void on_request(json const& frame);
  void on_answer(json const& frame);
  void on_prompt_answer(json const& frame);
  void take_prompt();
  void mark_taken(std::string const& correlation_id);
  void end_ask(std::string const& number, bool answered);
  void end_user_text();
  void emit(ProviderEvent event) const {
    if (emit_) emit_(std::move(event));
  }

  Emit emit_;
  // Of the process that runs.
  json initialized_ = nullptr, session_ = nullptr;
  std::string session_id_{};
  std::map<std::string, std::pair<std::string, json>> waiting_{};  ///< requests to the agent: method and what of it is
                                                                   ///< needed, by their ids
  std::map<std::string, json> answers_{};
  std::optional<RunningPrompt> prompt_{};
  std::map<std::string, Ask> asks_{};
  std::string user_text_{};  ///< replayed, as far as it has come
  bool instructed_ = false;
  // Of the conversation.
  std::set<std::string> taken_{};
  std::set<std::string> lost_{};  ///< their process ended, and they had not been taken: a replay may tell
  std::set<std::string> gone_{};  ///< and the next process began another conversation: nobody can tell any more
  std::map<std::string, TurnEnded> ends_{};
  std::deque<std::string> ended_{};  ///< in the order in which they ended; the oldest are forgotten
};

/// A conversation as the file tells it, all of its processes; nothing: it cannot be read. Blocks.
std::optional<Conversation> read_conversation(std::filesystem::path const& file);

}  // namespace ar::adapters::acp
