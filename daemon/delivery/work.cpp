#include "daemon/delivery/work.hpp"

#include <algorithm>
#include <set>

namespace ar::daemon {

void Work::start(Item item) {
  if (item.started_at == WallTime{}) item.started_at = wall_now();
  auto key = std::pair(item.kind, item.id);
  active_.try_emplace(std::move(key), std::move(item));
}

void Work::finish(std::string const& kind, std::string const& id) { active_.erase({kind, id}); }

void Work::clear(std::initializer_list<std::string_view> kinds) {
  std::erase_if(active_, [&](auto const& entry) { return std::ranges::find(kinds, entry.first.first) != kinds.end(); });
}

std::string Work::status() const {
  if (!terminal_.empty()) return terminal_;
  return active_.empty() ? "idle" : "busy";
}

std::string Work::busy_with() const {
  std::set<std::string> kinds;
  for (auto const& [key, item] : active_) kinds.insert(item.kind);
  std::string text;
  for (auto const& kind : kinds) text += (text.empty() ? "" : ", ") + kind;
  return text;
}

json Work::meta() const {
  std::set<std::string> reasons;
  json work = json::array(), subagents = json::array();
  for (auto const& [key, item] : active_) {
    reasons.insert(item.kind);
    json shown = {{"kind", item.kind}, {"id", item.id}, {"startedAt", to_iso8601(item.started_at)}};
    if (!item.label.empty()) shown["label"] = item.label;
    if (!item.role.empty()) shown["role"] = item.role;
    if (!item.parent_id.empty()) shown["parentId"] = item.parent_id;
    if (item.kind == "subagent") subagents.push_back(shown);
    work.push_back(std::move(shown));
  }
  json meta = {{"busyReasons", reasons},
               {"activeWork", std::move(work)},
               {"activeSubagentCount", subagents.size()},
               {"activeSubagents", std::move(subagents)}};
  meta["terminalStatus"] = terminal_ == "error" ? json(terminal_) : json(nullptr);
  return meta;
}

}  // namespace ar::daemon
