// An agent's record (record.hpp) as rows of a transcript.
#pragma once
#include "adapters/transcript_row.hpp"

#include <string_view>
#include <vector>

namespace ar::adapters::acp {

/// One line's rows; anything may stand there. The model's words come in pieces, a row each.
void transcript_rows(std::string_view line, std::vector<TranscriptRow>& rows);

}  // namespace ar::adapters::acp
