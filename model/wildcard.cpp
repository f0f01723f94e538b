#include "model/wildcard.hpp"

#include <cstddef>
#include <vector>

namespace ar {
namespace {

struct Step {
  enum class Kind { literal, one, some, any };
  Kind kind;
  char c = 0;
};

std::vector<Step> steps_of(std::string_view pattern) {
  std::vector<Step> steps;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    auto const c = pattern[i];
    bool const last = i + 1 == pattern.size();
    if (c == '\\' && !last)
      steps.push_back({Step::Kind::literal, pattern[++i]});
    else if (c == '?')
      steps.push_back({Step::Kind::one});
    else if (c != '*')
      steps.push_back({Step::Kind::literal, c});
    else if (!last && pattern[i + 1] == '*')
      steps.push_back({Step::Kind::any}), ++i;
    else
      steps.push_back({Step::Kind::some});
  }
  return steps;
}

}  // namespace

/// `reached[i]`: the first i steps match what was read of the text.
bool matches_wildcard(std::string_view pattern, std::string_view text, std::string_view ends) {
  auto const steps = steps_of(pattern);
  auto const repeats = [](Step const& step) { return step.kind == Step::Kind::some || step.kind == Step::Kind::any; };
  std::vector<char> reached(steps.size() + 1, 0);
  reached[0] = 1;
  auto const skip_empty = [&](std::vector<char>& places) {
    for (std::size_t i = 0; i < steps.size(); ++i)
      if (places[i] && repeats(steps[i])) places[i + 1] = 1;
  };
  skip_empty(reached);
  for (auto const c : text) {
    bool const is_end = ends.find(c) != std::string_view::npos;
    std::vector<char> next(steps.size() + 1, 0);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (!reached[i]) continue;
      auto const& step = steps[i];
      bool const takes = step.kind == Step::Kind::literal ? step.c == c : step.kind == Step::Kind::any || !is_end;
      if (takes) next[repeats(step) ? i : i + 1] = 1;
    }
    skip_empty(next);
    reached = std::move(next);
  }
  return reached.back() != 0;
}

}  // namespace ar
