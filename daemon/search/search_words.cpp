#include "daemon/search/search_words.hpp"

#include "base/unicode.hpp"

#include <algorithm>

namespace ar::daemon {
namespace {

constexpr std::size_t kMostBytes = 1000, kMostWords = 32;
constexpr std::size_t kMostRowBytes = 16U << 10;

bool is_blank(char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; }

/// What the index knows as a part of a word. Of characters beyond ASCII it decides; a word of others finds nothing.
bool may_be_found(char c) {
  auto const byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

Result<std::string> match_expression(std::string_view text) {
  if (text.size() > kMostBytes) return invalid("q", "q has more than 1000 bytes; look for fewer words");
  if (!is_utf8(text)) return invalid("q", "q is not UTF-8");
  std::string expression;
  std::size_t words = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (is_blank(text[at])) {
      ++at;
      continue;
    }
    bool const is_phrase = text[at] == '"';
    auto const given = at, begin = is_phrase ? at + 1 : at;
    auto end = begin;
    while (end < text.size() && text[end] != '"' && (is_phrase || !is_blank(text[end]))) ++end;
    if (is_phrase && end == text.size())
      return invalid("q", "the phrase " + std::string(cut_utf8(text.substr(at), 80)) + " has no quote at its end");
    std::string word(text.substr(begin, end - begin));
    at = is_phrase ? end + 1 : end;
    bool begins = false;
    if (is_phrase) {
      begins = at < text.size() && text[at] == '*';
      if (begins) ++at;
    } else if (word.ends_with('*')) {
      begins = true;
      word.pop_back();
    }
    if (std::ranges::none_of(word, may_be_found))
      return invalid("q",
                     std::string(cut_utf8(text.substr(given, at - given), 80)) + " has no letter or digit to look for");
    if (++words > kMostWords) return invalid("q", "q has more than 32 words; look for fewer");
    std::ranges::replace_if(word, is_blank, ' ');
    // Phrases side by side must all be there; those in which FTS5 sees no word count for nothing.
    expression += (expression.empty() ? "\"" : " \"") + word + (begins ? "\"*" : "\"");
  }
  if (expression.empty()) return invalid("q", "q says nothing to look for; give at least one word");
  return expression;
}

std::string searchable(std::string_view text) {
  text = cut_utf8(text, kMostRowBytes);
  std::string line;
  line.reserve(text.size());
  while (!text.empty()) {
    auto const symbol = first_symbol(text);
    if (!symbol.well_formed || symbol.code < 0x20 || is_unseen(symbol.code))
      line += ' ';
    else
      line += text.substr(0, symbol.bytes);
    text.remove_prefix(symbol.bytes);
  }
  return line;
}

}  // namespace ar::daemon
