// What people look for: words, "a phrase", begin*. A row is found that has all of them.
#pragma once
#include "base/error.hpp"

#include <string>
#include <string_view>

namespace ar::daemon {

/// The same in the language of FTS5. Each word is quoted there, so that nothing in it is an operator. Errors name `q`.
Result<std::string> match_expression(std::string_view text);

/// A text as it is indexed and shown: one line, with a blank for each character that steers a terminal or is unseen,
/// cut to what one row may hold.
std::string searchable(std::string_view text);

}  // namespace ar::daemon
