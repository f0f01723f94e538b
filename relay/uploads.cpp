#include "relay/uploads.hpp"

#include <algorithm>

namespace ar::relay {

Result<void> Uploads::check_room(std::vector<std::string> const& agents, std::size_t bytes) {
  for (auto& [agent, uploads] : by_agent_)
    while (!uploads.empty() && Clock::now() - uploads.front().at >= quota_.time) uploads.pop_front();
  std::erase_if(by_agent_, [](auto const& entry) { return entry.second.empty(); });
  for (auto const& agent : agents) {
    auto const found = by_agent_.find(agent);
    if (found == by_agent_.end()) continue;
    std::size_t all = bytes;
    for (auto const& upload : found->second) all += upload.bytes;
    if (all > quota_.bytes || found->second.size() >= quota_.files)
      return Error{ErrorKind::too_large, "quota",
                   "agent " + agent + " has stored its most of attachments (" + std::to_string(quota_.bytes >> 20) +
                       " MiB, " + std::to_string(quota_.files) + " files in a day); try again tomorrow",
                   "bytes"};
  }
  return {};
}

void Uploads::note(std::vector<std::string> const& agents, std::string const& id, std::size_t bytes) {
  for (auto const& agent : agents) by_agent_[agent].push_back({id, bytes, Clock::now()});
}

bool Uploads::has(std::vector<std::string> const& agents, std::string const& id) const {
  return std::ranges::any_of(agents, [&](std::string const& agent) {
    auto const found = by_agent_.find(agent);
    return found != by_agent_.end() &&
           std::ranges::any_of(found->second, [&](Upload const& upload) { return upload.id == id; });
  });
}

}  // namespace ar::relay
