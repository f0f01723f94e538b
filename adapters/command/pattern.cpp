#include "adapters/command/pattern.hpp"

#include <regex>

namespace ar::adapters::command {

struct Pattern::Compiled {
  std::regex expression;
};

Result<Pattern> Pattern::compile(std::string const& field, std::string const& expression) {
  // libstdc++'s other engine backtracks: exponential time, and one stack frame per character.
  auto const flags = std::regex::ECMAScript | std::regex::nosubs | std::regex_constants::__polynomial;
  try {
    std::regex const alone(expression, flags);  // "a)(b" would be one between our parentheses
    // regex_search starts anew at each character. An expression that eats what stands before the match does not.
    Pattern pattern;
    pattern.compiled_ =
        std::make_shared<Compiled const>(Compiled{std::regex("[\\s\\S]*(?:" + expression + ")", flags)});
    return pattern;
  } catch (std::regex_error const& e) {
    return invalid(field, field + " is not a regular expression (\"" + expression + "\"): " + e.what());
  }
}

bool Pattern::matches(std::string const& line) const {
  return std::regex_search(line, compiled_->expression, std::regex_constants::match_continuous);
}

}  // namespace ar::adapters::command
