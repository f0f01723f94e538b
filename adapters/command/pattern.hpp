// A regular expression of a profile (ECMAScript), matched against single lines of a program's output.
#pragma once
#include "base/error.hpp"

#include <memory>
#include <string>

namespace ar::adapters::command {

class Pattern {
 public:
  /// `field` is the option's name, for the error.
  static Result<Pattern> compile(std::string const& field, std::string const& expression);
  /// True when it matches somewhere in the line. Takes time in proportion to the line's length, whatever the
  /// expression: a program's output must not be able to stop the daemon. Only a lookahead costs more: at each character
  /// it may go through the rest of the line once again.
  bool matches(std::string const& line) const;

 private:
  struct Compiled;
  std::shared_ptr<Compiled const> compiled_;
};

}  // namespace ar::adapters::command
