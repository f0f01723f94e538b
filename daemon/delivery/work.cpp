#include "daemon/delivery/work.hpp"

#include <set>

namespace ar::daemon {

void Work::start(Item item) {
  if (item.started_at == WallTime{}) item.started_at = wall_now();
  auto const [at, is_new] = active_.try_emplace({item.kind, item.id}, item);
  if (is_new) return;
  auto& known = at->second;
  if (!item.label.empty()) known.label = std::move(item.label);
  if (!item.role.empty()) known.role = std::move(item.role);
  if (!item.parent_id.empty()) known.parent_id = std::move(item.parent_id);
  if (!item.metadata.is_null()) known.metadata = std::move(item.metadata);
  if (!item.provider_state.is_null()) known.provider_state = std::move(item.provider_state);
}

void Work::finish(std::string const& kind, std::string const& id) { active_.erase({kind, id}); }

void Work::clear(std::string_view kind) {
  std::erase_if(active_, [&](auto const& entry) { return entry.first.first == kind; });
}

void Work::on_process_gone() {
  std::erase_if(active_,
                [](auto const& entry) { return entry.first.first != "task" && entry.first.first != "command"; });
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

json Work::provider_state() const {
  for (auto const& [key, item] : active_)
    if (key.first == "provider-turn" && !item.provider_state.is_null()) return item.provider_state;
  return nullptr;
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
    if (!item.metadata.is_null()) shown["metadata"] = item.metadata;
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
