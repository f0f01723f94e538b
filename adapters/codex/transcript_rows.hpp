// The rows of a Codex rollout.
#pragma once
#include "adapters/transcript_row.hpp"

namespace ar::adapters::codex {

void transcript_rows(std::string_view line, std::vector<TranscriptRow>& rows);

}  // namespace ar::adapters::codex
