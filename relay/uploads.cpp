#include "relay/uploads.hpp"

#include <algorithm>

namespace ar::relay {

Result<void> Uploads::check_room(std::vector<std::string> const& agents, std::size_t bytes, What what) {
  auto const forget_old = [&](auto& list) {
    while (!list.empty() && Clock::now() - list.front().at >= quota_.time) list.pop_front();
  };
  for (auto& [agent, stored] : by_agent_) {
    forget_old(stored.uploads);
    forget_old(stored.messages);
  }
  std::erase_if(by_agent_,
                [](auto const& entry) { return entry.second.uploads.empty() && entry.second.messages.empty(); });
  for (auto const& agent : agents) {
    auto const found = by_agent_.find(agent);
    if (found == by_agent_.end()) continue;
    auto const& [uploads, messages] = found->second;
    std::size_t all = bytes;
    for (auto const& upload : uploads) all += upload.bytes;
    for (auto const& sent : messages) all += sent.bytes;
    bool const too_many = what == What::file && uploads.size() >= quota_.files;
    if (all > quota_.bytes || too_many)
      return Error{ErrorKind::too_large, "quota",
                   "agent " + agent + " has stored its most of messages and attachments (" +
                       std::to_string(quota_.bytes >> 20) + " MiB, " + std::to_string(quota_.files) +
                       " files in a day); try again tomorrow",
                   "bytes"};
  }
  return {};
}

void Uploads::note(std::vector<std::string> const& agents, std::string const& id, std::size_t bytes) {
  for (auto const& agent : agents) by_agent_[agent].uploads.push_back({id, bytes, Clock::now()});
}

void Uploads::note_message(std::vector<std::string> const& agents, std::size_t bytes) {
  // However many small ones there are, they take a few entries.
  constexpr int kParts = 24;
  for (auto const& agent : agents) {
    auto& messages = by_agent_[agent].messages;
    if (messages.empty() || Clock::now() - messages.back().at >= quota_.time / kParts)
      messages.push_back({0, Clock::now()});
    messages.back().bytes += bytes;
  }
}

bool Uploads::has(std::vector<std::string> const& agents, std::string const& id) const {
  return std::ranges::any_of(agents, [&](std::string const& agent) {
    auto const found = by_agent_.find(agent);
    return found != by_agent_.end() &&
           std::ranges::any_of(found->second.uploads, [&](Upload const& upload) { return upload.id == id; });
  });
}

}  // namespace ar::relay
