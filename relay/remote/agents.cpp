#include "relay/remote/agents.hpp"

#include "relay/message_json.hpp"
#include "relay/protocol.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ar::relay::remote {

bool is_wrong_scope(Error const& error) { return error.code == "wrong_scope"; }

void Agents::registered(Presence presence) {
  auto const id = presence.identity.agent_id;
  present_[id] = {std::move(presence)};
}

void Agents::tell_removal_later(std::string agent_id) {
  if (!present_.contains(agent_id)) removals_.insert(std::move(agent_id));
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
          {"protocol", kProtocol},
          {"role", "client"},
          {"componentId", config_.machine},
          {"instanceId", config_.instance_id},
          {"machine", config_.machine},
          {"notes", true}};
}

json Agents::hello(Identity const& who, std::string const& runner_id) const {
  json frame = to_json(who);
  frame.update(hello_of_machine());
  frame["role"] = "provider";
  frame["componentId"] = runner_id;
  frame["instanceId"] = instance_of(who.agent_id);
  auto const known = present_.find(who.agent_id);
  if (known == present_.end()) return frame;
  frame["status"] = known->second.presence.status;
  frame["ready"] = known->second.presence.ready;
  frame["meta"] = known->second.presence.meta;
  return frame;
}

std::string Agents::instance_of(std::string const& agent_id) const {
  auto const known = present_.find(agent_id);
  return known == present_.end() ? config_.instance_id : known->second.presence.instance_id;
}

json Agents::hello_again(Identity const& who, std::string const& runner_id, MessageId last_seen) {
  json frame = hello(who, runner_id);
  if (last_seen > 0) frame["lastSeenId"] = last_seen;
  if (auto const known = present_.find(who.agent_id); known != present_.end()) known->second.untold = false;
  return frame;
}

void Agents::refused(std::string const& agent_id, Error const& error) {
  bool const superseded = error.code == "superseded";
  if (!superseded && !is_wrong_scope(error)) return;
  auto shown = error;
  if (superseded)
    shown.message =
        "another daemon has taken agent " + agent_id + " over; `agent-runner restart " + agent_id + "` takes it back";
  if (refused_.emplace(agent_id, shown).second)
    spdlog::error("relay: {} has no bus: {}{}", agent_id, shown.message, superseded ? "" : "; it needs another token");
}

void Agents::started_anew(std::string const& agent_id, std::string const& instance_id) {
  removals_.erase(agent_id);
  auto const [known, is_first] = starts_.try_emplace(agent_id, instance_id);
  if (!is_first && std::exchange(known->second, instance_id) != instance_id) refused_.erase(agent_id);
}

std::optional<Error> Agents::refusal(std::string const& agent_id) const {
  auto const found = refused_.find(agent_id);
  if (found == refused_.end()) return std::nullopt;
  return found->second;
}

Result<void> Agents::check(std::string const& agent_id) const {
  if (auto const why = refusal(agent_id)) return *why;
  return {};
}

std::map<std::string, std::string> Agents::refusals() const {
  std::map<std::string, std::string> why;
  for (auto const& [agent_id, error] : refused_) why[agent_id] = error.message;
  return why;
}

}  // namespace ar::relay::remote
