// Codex's own record of a thread (its "rollout" file): what tells which messages it has taken.
#pragma once
#include "adapters/provider_event.hpp"
#include "adapters/usage.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ar::adapters::codex {

/// Reads a record as it grows. A line that is not whole yet is read when it is; one that was cut off by a
/// crash is none.
class Record {
 public:
  explicit Record(std::filesystem::path file) : file_(std::move(file)) {}
  std::filesystem::path const& file() const { return file_; }

  /// Reads what has been added since. Blocks for as long as that takes.
  void read();
  /// It could not be read to its end the last time: what it holds is not known. (Not there: it holds nothing.)
  bool unreadable() const { return unreadable_; }
  /// As far as it was read, the thread holds this message.
  bool holds(std::string const& correlation_id) const { return correlation_ids_.contains(correlation_id); }

 private:
  std::filesystem::path file_;
  std::uint64_t offset_ = 0;
  bool unreadable_ = false;
  std::string rest_{};
  std::set<std::string> correlation_ids_{};
};

/// The correlation id that one line of a record proves to be taken: a completed user message with our client id, or
/// the user's words as the model gets them, if they are one of our envelopes and whole. Empty: none.
std::string taken_correlation_id(std::string_view line);

/// The id that Codex has given such a line; empty: none.
std::string record_line_id(std::string_view line);

/// How the turn ended that took the last of these messages; nothing: it has not, or the record does not say (a process
/// that dies leaves no line about it).
std::optional<TurnEnded> turn_end_in(std::filesystem::path const& file,
                                     std::vector<std::string> const& correlation_ids);

/// What a thread has used, by its token_count lines. Each has the thread's total so far, and stands there again when
/// nothing was used: of limits, and after a resumption. OpenAI counts what a cache has read or written as input, too;
/// here it is not.
class UsageRecord final : public UsageReader {
 public:
  explicit UsageRecord(std::filesystem::path file) : file_(std::move(file)) {}
  Result<RecordedUsage> read() override;

 private:
  void line(std::string_view text);

  std::filesystem::path file_;
  std::uint64_t offset_ = 0;
  std::string rest_{};
  RecordedUsage usage_{};
};

/// The record of a thread below CODEX_HOME, by its id.
std::optional<std::filesystem::path> find_record(std::filesystem::path const& codex_home, std::string const& thread);

}  // namespace ar::adapters::codex
