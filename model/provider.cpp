#include "model/provider.hpp"

#include "base/words.hpp"

#include <algorithm>

namespace ar {

std::vector<std::string> provider_names() {
  std::vector<std::string> names;
  for (auto const& provider : kProviders) names.emplace_back(provider.name);
  return names;
}

std::string provider_names_in_words() {
  std::string words;
  for (std::size_t i = 0; i < kProviders.size(); ++i)
    words += std::string(i == 0 ? "" : i + 1 < kProviders.size() ? ", " : " or ") + std::string(kProviders[i].name);
  return words;
}

bool is_listed(std::string_view list, std::string_view name) {
  return std::ranges::any_of(words_of(list), [&](std::string_view word) {
    return word.ends_with('*') ? name.starts_with(word.substr(0, word.size() - 1)) : name == word;
  });
}

}  // namespace ar
