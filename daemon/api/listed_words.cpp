#include "daemon/api/listed_words.hpp"

#include "base/suggest.hpp"

#include <algorithm>

namespace ar::daemon {

Result<void> check_listed(std::string const& field, std::string const& list, std::vector<std::string> const& known,
                          std::string const& what) {
  for (std::size_t at = 0; at <= list.size();) {
    auto const end = std::min(list.find(',', at), list.size());
    auto const word = list.substr(at, end - at);
    at = end + 1;
    if (std::ranges::find(known, word) != known.end()) continue;
    std::string names;
    for (auto const& name : known) names += (names.empty() ? "" : ", ") + name;
    return invalid(field, "\"" + word.substr(0, 80) + "\" is no " + what + suggestion(word, known) + "; use " + names);
  }
  return {};
}

bool is_listed(std::string const& list, std::string const& word) {
  return ("," + list + ",").find("," + word + ",") != std::string::npos;
}

}  // namespace ar::daemon
