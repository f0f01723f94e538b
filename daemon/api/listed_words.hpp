// A parameter that names some of a set of words, between commas.
#pragma once
#include "base/error.hpp"

#include <string>
#include <vector>

namespace ar::daemon {

/// A misspelt one would look like "there are none". `what`: "state of an agent".
Result<void> check_listed(std::string const& field, std::string const& list, std::vector<std::string> const& known,
                          std::string const& what);
bool is_listed(std::string const& list, std::string const& word);

}  // namespace ar::daemon
