// "Did you mean ...?" for words that people type: verbs, options, agents, states.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ar {

/// The candidate that differs from `word` by the fewest slips (a letter more, less, another, or two swapped), if that
/// is one, or at most a third of its letters; empty: none is close.
std::string closest(std::string_view word, std::vector<std::string> const& candidates);
/// `; did you mean "stop"?`, or nothing.
std::string suggestion(std::string_view word, std::vector<std::string> const& candidates);

}  // namespace ar
