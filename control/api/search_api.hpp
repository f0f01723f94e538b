// Searching what was said, in transcripts and messages (docs/search.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "model/principal.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace ar::control {

struct SearchRequest {
  std::string words;
  std::optional<std::string> agent{};  ///< only its transcripts, and the messages that are from it or for it
  std::int64_t since = 0;              ///< said at or after, ms since 1970
  std::int64_t before = 0;             ///< what the page before ended with; 0: the first page
  int limit = 100;
};

/// io thread only.
class SearchApi {
 public:
  virtual ~SearchApi() = default;
  /// {results: [...], nextCursor?}, the newest first. `who` finds what they may read elsewhere. Errors: what is wrong
  /// with the words; no_such_agent; not_your_agent.
  virtual awaitable<Result<json>> search(Principal who, SearchRequest request) = 0;
};

}  // namespace ar::control
