#include "base/suggest.hpp"

#include <algorithm>
#include <cstddef>

namespace ar {
namespace {

constexpr std::size_t kLongest = 64;  ///< bounds the work for words that are no typing slip of anything

/// Edit distance with swaps of neighbours (optimal string alignment), over three rows of the table.
std::size_t slips(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      bool const same = a[i - 1] == b[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      bool const swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string closest(std::string_view word, std::vector<std::string> const& candidates) {
  std::string best;
  if (word.size() < 2 || word.size() > kLongest) return best;
  auto fewest = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (auto const& candidate : candidates) {
    if (candidate == word || candidate.size() > kLongest) continue;
    auto const count = slips(word, candidate);
    if (count >= fewest) continue;
    fewest = count;
    best = candidate;
  }
  return best;
}

std::string suggestion(std::string_view word, std::vector<std::string> const& candidates) {
  auto const best = closest(word, candidates);
  return best.empty() ? std::string() : "; did you mean \"" + best + "\"?";
}

}  // namespace ar
