// Patterns with * and ?.
#pragma once
#include <string_view>

namespace ar {

/// `*` stands for any characters but those of `ends`, `**` for any at all, `?` for one that is not of `ends`; what
/// follows a \ stands for itself. Takes time in proportion to both lengths, whatever the pattern.
bool matches_wildcard(std::string_view pattern, std::string_view text, std::string_view ends);

}  // namespace ar
