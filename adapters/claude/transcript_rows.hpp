// The rows of a Claude Code transcript.
#pragma once
#include "adapters/transcript_row.hpp"

namespace ar::adapters::claude {

void transcript_rows(std::string_view line, std::vector<TranscriptRow>& rows);

}  // namespace ar::adapters::claude
