#include "daemon/agent/lineage.hpp"

#include <algorithm>

namespace ar::daemon {

void Lineage::remove(std::string_view id) {
  if (auto const it = members_.find(id); it != members_.end()) members_.erase(it);
}

Lineage::Member const* Lineage::find(std::string_view id) const {
  auto const it = members_.find(id);
  return it == members_.end() ? nullptr : &it->second;
}

/// Each once: an early version let people make a circle.
std::vector<std::string> Lineage::ancestors(std::string_view id) const {
  std::vector<std::string> found;
  for (auto const* member = find(id); member; member = find(found.back())) {
    auto const& parent = member->parent;
    if (!find(parent) || parent == id || std::ranges::find(found, parent) != found.end()) break;
    found.push_back(parent);
  }
  return found;
}

std::vector<std::string> Lineage::descendants(std::string_view id) const {
  std::vector<std::string> found;
  auto const add_children = [&](std::string_view parent) {
    for (auto const& [child, member] : members_)
      if (member.parent == parent && child != id && std::ranges::find(found, child) == found.end())
        found.push_back(child);
  };
  add_children(id);
  for (std::size_t i = 0; i < found.size(); ++i) add_children(std::string(found[i]));
  return found;
}

bool Lineage::is_descendant(std::string_view id, std::string_view of) const {
  auto const line = ancestors(id);
  return std::ranges::find(line, of) != line.end();
}

}  // namespace ar::daemon
