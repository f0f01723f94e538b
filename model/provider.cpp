#include "model/provider.hpp"

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

}  // namespace ar
