#include "model/provider.hpp"

namespace ar {

std::vector<std::string> provider_names() {
  std::vector<std::string> names;
  for (auto const& provider : kProviders) names.emplace_back(provider.name);
  for (auto const& agent : kAcpAgents) names.emplace_back(agent.name);
  return names;
}

std::string provider_names_in_words() {
  auto const names = provider_names();
  std::string words;
  for (std::size_t i = 0; i < names.size(); ++i)
    words += std::string(i == 0 ? "" : i + 1 < names.size() ? ", " : " or ") + names[i];
  return words;
}

}  // namespace ar
