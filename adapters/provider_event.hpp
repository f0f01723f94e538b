// What a provider tells the daemon about itself: facts seen in hooks, transcripts and state files, as values.
#pragma once
#include "adapters/approval.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ar::adapters {

/// The provider can take its first prompt.
struct Ready {
  std::string session_id;
  std::string transcript{};  ///< path of its record, when it has one
  std::string model{};
  bool turn_runs = false;  ///< it is known to be in a turn, whatever block_reason says
};
/// The provider switched to another session (clear, fork).
struct SessionChanged {
  std::string session_id;
  std::string transcript{};
};
/// Busy: a turn runs, whatever began it (a message, a person, a background wake).
struct TurnStarted {};
struct TurnEnded {
  /// `unseen`: it is over, and how it ended only the provider's record may say.
  enum class Outcome { completed, failed, interrupted, unseen };
  Outcome outcome = Outcome::completed;
  std::string final_text{};
  std::string error_kind{};  ///< failed: authentication_failed, rate_limit, overloaded, connection_failed, ...
  std::string error{};
  bool did_nothing = false;             ///< failed before the model said anything or a tool was called
  std::optional<WallTime> resets_at{};  ///< failed for a limit: when that ends, where the provider says so
};
/// In its turn it asks its model again after an error, by itself.
struct Retrying {
  int attempt = 0;           ///< the first is 1; 0: it has got through
  int most = 0;              ///< attempts after which it gives up; 0: it does not say
  std::string error_kind{};  ///< as in TurnEnded; empty: it does not say
  std::string error{};
};
/// Proof that a message was taken: once it has been handed over, when what the provider has said of its turns until
/// then has been told as well, or late, after `unknown`.
struct Accepted {
  std::string correlation_id;
  std::string proof;  ///< what showed it ("transcript", "pattern", "api")
};
/// The provider waits for a person: a permission, a question, a dialog at start.
struct WaitingForPerson {
  std::string what;
};
struct WaitingOver {};
/// A person is asked; told again, with the same key, when the provider asks again (another daemon, another connection).
struct Asked {
  ApprovalRequest request;
};
/// One request is over without an answer of ours. `answered`: the person at the terminal did; else it stays on the
/// screen, where only they can.
struct AskEnded {
  std::string key;
  bool answered = true;
};
/// Nobody is asked anything now: whatever was still open has been answered at the terminal, or the turn is over.
struct NothingAsked {};
/// What block_reason() says has changed.
struct BlockChanged {};
struct ContextUse {
  double utilization = 0;  ///< 0..1
  std::int64_t tokens = 0;
  std::int64_t window = 0;
  std::string source;                ///< api, statusline, hook, estimate
  std::string confidence;            ///< exact, reported, estimated
  std::optional<double> cost_usd{};  ///< of all that its process, or the conversation, has used so far
};
/// Work besides the turn: subagents.
struct WorkStarted {
  std::string kind, id, label{}, role{}, parent_id{};
};
struct WorkFinished {
  std::string kind, id;
};
/// Anything else worth a line in the event log: tool calls, compaction, notifications.
struct Noted {
  std::string type;  ///< event type, e.g. "tool.started", "compaction.finished"
  json data = json::object();
};

using ProviderEvent =
    std::variant<Ready, SessionChanged, TurnStarted, TurnEnded, Retrying, Accepted, WaitingForPerson, WaitingOver,
                 Asked, AskEnded, NothingAsked, BlockChanged, ContextUse, WorkStarted, WorkFinished, Noted>;

}  // namespace ar::adapters
