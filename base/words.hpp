// Words in one text: lists of them between blanks, as tables have them, and what is around them.
#pragma once
#include <algorithm>
#include <string_view>
#include <vector>

namespace ar {

inline std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    auto const end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

inline bool has_word(std::string_view text, std::string_view word) {
  if (word.empty() || word.find(' ') != std::string_view::npos) return false;  // two of them are none
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string_view::npos; ++at) {
    auto const end = at + word.size();
    if ((at == 0 || text[at - 1] == ' ') && (end == text.size() || text[end] == ' ')) return true;
  }
  return false;
}

/// Without the white space at its ends.
inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view white = " \t\n\v\f\r";
  auto const first = std::min(text.find_first_not_of(white), text.size());
  return text.substr(first, text.find_last_not_of(white) + 1 - first);
}

}  // namespace ar
