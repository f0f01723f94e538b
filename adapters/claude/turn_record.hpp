// How a turn ended that nobody saw ending, by Claude Code's own transcript. Pure: facts in, an end out.
//
// What was measured: a turn that ends by itself leaves `stop_hook_summary` and `turn_duration` lines, one that fails an
// assistant line marked as an API error, one that was interrupted a line that says so. One that was cut off by the
// process's death leaves nothing; the next prompt is not part of it.
#pragma once
#include "adapters/claude/transcript.hpp"
#include "adapters/provider_event.hpp"

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace ar::adapters::claude {

/// "server_error" and "unknown" made exact by the words that come with them: overloaded, connection_failed, ...
std::string exact_error_kind(std::string kind, std::string_view text);

/// The end of a turn that the API's refusal ended: StopFailure's `error` and text, or the transcript's.
TurnEnded failed_turn(std::string kind, std::string text);

/// Of the turn that took the last of these messages.
class TurnRecord {
 public:
  explicit TurnRecord(std::set<std::string> correlation_ids) : correlation_ids_(std::move(correlation_ids)) {}
  void add(TranscriptFact const& fact);
  /// Nothing: not taken, still running, or cut off.
  std::optional<TurnEnded> const& end() const { return end_; }

 private:
  std::set<std::string> const correlation_ids_;
  bool in_turn_ = false;     ///< what comes is part of it, or follows its end
  bool did_nothing_ = true;  ///< the model has said and called nothing in it
  std::string text_{};       ///< the model's last one
  std::optional<TurnEnded> end_{};
};

}  // namespace ar::adapters::claude
