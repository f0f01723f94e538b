// Patterns with * and ?.
#pragma once
#include <string_view>

namespace ar {

/// `*` stands for any characters but those of `ends` (ASCII), `**` for any at all, `?` for one that is not of `ends`,
/// whatever its length in UTF-8; the character after a \ stands for itself. Takes time in proportion to both lengths,
/// whatever the pattern.
bool matches_wildcard(std::string_view pattern, std::string_view text, std::string_view ends);

}  // namespace ar
