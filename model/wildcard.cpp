#include "model/wildcard.hpp"

#include "base/unicode.hpp"

#include <cstddef>
#include <vector>

namespace ar {
namespace {

struct Step {
  enum class Kind { literal, one, some, any };
  Kind kind;
  std::string_view symbol{};
};

/// The first character; of ill-formed text one byte.
std::string_view symbol_of(std::string_view text) {
  auto const first = first_symbol(text);
  return text.substr(0, first.well_formed ? first.bytes : 1);
}

std::vector<Step> steps_of(std::string_view pattern) {
  std::vector<Step> steps;
  auto const take = [&pattern](std::size_t bytes) {
    auto const taken = pattern.substr(0, bytes);
    pattern.remove_prefix(bytes);
    return taken;
  };
  while (!pattern.empty()) {
    auto const symbol = take(symbol_of(pattern).size());
    if (symbol == "\\" && !pattern.empty())
      steps.push_back({Step::Kind::literal, take(symbol_of(pattern).size())});
    else if (symbol == "?")
      steps.push_back({Step::Kind::one});
    else if (symbol != "*")
      steps.push_back({Step::Kind::literal, symbol});
    else if (pattern.starts_with('*'))
      steps.push_back({Step::Kind::any}), take(1);
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
  for (std::string_view symbol; !text.empty(); text.remove_prefix(symbol.size())) {
    symbol = symbol_of(text);
    bool const is_end = ends.find(symbol) != std::string_view::npos;
    std::vector<char> next(steps.size() + 1, 0);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (!reached[i]) continue;
      auto const& step = steps[i];
      bool const takes =
          step.kind == Step::Kind::literal ? step.symbol == symbol : step.kind == Step::Kind::any || !is_end;
      if (takes) next[repeats(step) ? i : i + 1] = 1;
    }
    skip_empty(next);
    reached = std::move(next);
  }
  return reached.back() != 0;
}

}  // namespace ar
