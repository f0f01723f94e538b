// A conversation as its provider's own record tells it, in rows that are alike for all providers.
#pragma once
#include "base/json.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ar::adapters {

struct TranscriptRow {
  std::int64_t seq = 0;       ///< grows along the record, with gaps
  std::string time{};         ///< ISO 8601, as the record has it; empty: it does not say
  std::string role{};         ///< user, assistant, system
  std::string type = "text";  ///< text, reasoning, summary, tool_call, tool_result
  std::string text{};         ///< of a tool_result: what the tool said
  json tool = nullptr;        ///< tool_call: {id, name, input}; tool_result: {id, isError}
  bool subagent = false;      ///< it is a subagent's
};
json to_json(TranscriptRow const& row);

struct TranscriptPage {
  std::vector<TranscriptRow> rows{};
  std::int64_t cursor = 0;  ///< where the next page begins
  bool more = false;        ///< there is a next one already
};

/// Appends what one line of the record says; anything may stand there.
using TranscriptParser = std::function<void(std::string_view line, std::vector<TranscriptRow>& rows)>;
/// Whole lines from `cursor` on: some `limit` rows, and about 1 MiB of text. A file that is not there is an empty one;
/// a cursor beyond its end is its end. Blocks.
TranscriptPage read_transcript(std::filesystem::path const& file, std::int64_t cursor, std::size_t limit,
                               TranscriptParser const& parse);

}  // namespace ar::adapters
