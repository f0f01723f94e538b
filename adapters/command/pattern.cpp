#include "adapters/command/pattern.hpp"

#include <optional>
#include <regex>

namespace ar::adapters::command {

struct Pattern::Compiled {
  std::optional<std::regex> expression;  ///< nothing: it is words alone
  std::string words;
};

Result<Pattern> Pattern::compile(std::string const& field, std::string const& expression) {
  // libstdc++'s other engine backtracks: exponential time, and one stack frame per character.
  auto const flags = std::regex::ECMAScript | std::regex::nosubs | std::regex_constants::__polynomial;
  Pattern pattern;
  // Each message has a pattern of its own, and most are words alone: 40 us less before each is typed.
  if (expression.find_first_of("^$\\.*+?()[]{}|") == std::string::npos) {
    pattern.compiled_ = std::make_shared<Compiled const>(Compiled{std::nullopt, expression});
    return pattern;
  }
  try {
    std::regex const alone(expression, flags);  // "a)(b" would be one between our parentheses
    // regex_search starts anew at each character. An expression that eats what stands before the match does not.
    std::regex whole("[\\s\\S]*(?:" + expression + ")", flags);
    pattern.compiled_ = std::make_shared<Compiled const>(Compiled{std::move(whole), {}});
    return pattern;
  } catch (std::regex_error const& e) {
    return invalid(field, field + " is not a regular expression (\"" + expression + "\"): " + e.what());
  }
}

bool Pattern::matches(std::string const& line) const {
  if (!compiled_->expression) return line.find(compiled_->words) != std::string::npos;
  return std::regex_search(line, *compiled_->expression, std::regex_constants::match_continuous);
}

}  // namespace ar::adapters::command
