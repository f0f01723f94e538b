#include "relay/remote/agents.hpp"

#include "relay/message_json.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::relay::remote {

void Agents::registered(Presence presence) {
  auto const id = presence.identity.agent_id;
  present_[id] = {std::move(presence)};
}

void Agents::becomes(std::string const& agent_id, std::string const& status, bool ready, json const& meta) {
  auto const known = present_.find(agent_id);
  if (known == present_.end()) return;
  auto& presence = known->second.presence;
  presence.status = status;
  presence.ready = ready;
  if (meta.is_object() && presence.meta.is_object()) presence.meta.update(meta);
}

bool Agents::tell_later(std::string const& agent_id) {
  auto const known = present_.find(agent_id);
  if (known == present_.end()) return false;
  known->second.untold = true;
  return true;
}

std::size_t Agents::untold() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(present_, [](auto const& entry) { return entry.second.untold; }));
}

json Agents::hello_of_machine() const {
  return {{"type", "hello"},
          {"protocol", 1},
          {"role", "client"},
          {"componentId", config_.machine},
          {"instanceId", config_.instance_id},
          {"machine", config_.machine}};
}

json Agents::hello(Identity const& who, std::string const& runner_id) const {
  json frame = to_json(who);
  frame.update(hello_of_machine());
  frame["role"] = "provider";
  frame["componentId"] = runner_id;
  return frame;
}

json Agents::hello_again(Identity const& who, std::string const& runner_id, MessageId last_seen) {
  json frame = hello(who, runner_id);
  if (last_seen > 0) frame["lastSeenId"] = last_seen;
  if (auto const known = present_.find(who.agent_id); known != present_.end()) {
    frame["status"] = known->second.presence.status;
    frame["ready"] = known->second.presence.ready;
    frame["meta"] = known->second.presence.meta;
    known->second.untold = false;
  }
  return frame;
}

void Agents::refused(std::string const& agent_id, Error const& error) {
  bool const superseded = error.code == "superseded";
  if (!superseded && error.code != "wrong_scope") return;
  if (refused_.emplace(agent_id, error).second)
    spdlog::error("relay: {} has no bus until {}: {}", agent_id,
                  superseded ? "it is started again" : "there is another token", error.message);
}

Result<void> Agents::check(std::string const& agent_id) const {
  auto const found = refused_.find(agent_id);
  if (found == refused_.end()) return {};
  return found->second;
}

}  // namespace ar::relay::remote
