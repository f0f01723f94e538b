// What the answers in a Claude Code session's transcript have used.
//
// What was measured: an answer stands in as many lines as it has content blocks, each with the message's id and its
// usage; the last line's is the final one. The answers of subagents stand in files of their own, in SESSION/subagents
// beside SESSION.jsonl (in old versions in the transcript itself); they count too.
#pragma once
#include "adapters/claude/transcript.hpp"
#include "adapters/usage.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <unordered_map>

namespace ar::adapters::claude {

class UsageRecord final : public UsageReader {
 public:
  explicit UsageRecord(std::filesystem::path transcript);
  Result<RecordedUsage> read() override;

 private:
  Result<void> read_on(TranscriptFile& file);
  void read_subagents();
  void add(TranscriptFact const& fact);
  void close_turn();

  TranscriptFile transcript_;
  std::filesystem::path subagents_dir_;
  std::map<std::filesystem::path, TranscriptFile> subagents_{};
  std::unordered_map<std::string, Usage> answers_{};  ///< by their messages' ids
  RecordedUsage usage_{};
};

}  // namespace ar::adapters::claude
