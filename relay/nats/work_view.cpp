#include "relay/nats/work_view.hpp"

#include "base/read_json.hpp"
#include "relay/nats/names.hpp"

#include <algorithm>

namespace ar::relay::nats {
namespace {

constexpr auto kStale = std::chrono::seconds(90);  // three heartbeats

std::optional<Presence> presence_from(std::string_view text) {
  return maybe_json(text, [](json const& in) {
    Presence one;
    one.identity.agent_id = in.at("agent").get<std::string>();
    one.identity.label = in.value("label", "");
    one.identity.tags = in.value("tags", std::vector<std::string>{});
    one.identity.capabilities = in.value("capabilities", std::vector<std::string>{});
    one.identity.narrow = in.value("narrow", false);
    one.instance_id = in.at("instance").get<std::string>();
    one.status = in.at("status").get<std::string>();
    one.ready = in.value("ready", false);
    one.meta = in.at("meta");
    one.registered_at = time_in(in.at("registeredAt"));
    one.last_heartbeat = time_in(in.at("heartbeatAt"));
    return one;
  });
}

}  // namespace

bool is_end(CommandStatus status) { return status > CommandStatus::running; }

Command settled(Command command, WallTime now) {
  if (command.status < CommandStatus::running && command.expires_at && *command.expires_at <= now) {
    command.status = CommandStatus::expired;
    command.history.push_back({CommandStatus::expired, *command.expires_at, json::object()});
  }
  return command;
}

std::string command_text(Command const& command) {
  json out = {{"type", command.type},
              {"target", command.target},
              {"params", command.params},
              {"at", to_millis(command.created_at)}};
  if (command.expires_at) out["expiresAt"] = to_millis(*command.expires_at);
  return out.dump();
}
std::string step_text(CommandStep const& step) {
  json const out = {{"status", to_string(step.status)}, {"at", to_millis(step.at)}, {"detail", step.detail}};
  return out.dump();
}

bool CommandView::take(std::string_view nonce, std::string_view data, std::uint64_t sequence) {
  auto const take = [&](json const& in) {
    auto const known = by_nonce_.find(nonce);
    if (known == by_nonce_.end()) {
      Command command;
      command.id = static_cast<std::int64_t>(sequence);
      command.type = in.at("type").get<std::string>();
      command.target = in.at("target").get<std::string>();
      command.params = in.at("params");
      command.created_at = time_in(in.at("at"));
      if (in.contains("expiresAt")) command.expires_at = time_in(in.at("expiresAt"));
      command.history.push_back({CommandStatus::pending, command.created_at, json::object()});
      nonces_[command.id] = nonce;
      by_nonce_.emplace(nonce, Entry{std::move(command), sequence});
      return true;
    }
    auto& entry = known->second;
    if (sequence <= entry.last) return false;
    auto const status = command_status_from(in.at("status").get<std::string>());
    if (!status) return false;
    entry.last = sequence;
    entry.command.status = *status;
    entry.command.history.push_back({*status, time_in(in.at("at")), in.at("detail")});
    return false;
  };
  return maybe_json(data, take).value_or(false);  // what cannot be read was not written by us
}

void CommandView::clear() {
  by_nonce_.clear();
  nonces_.clear();
}
CommandView::Entry const* CommandView::find(std::string_view nonce) const {
  auto const found = by_nonce_.find(nonce);
  return found == by_nonce_.end() ? nullptr : &found->second;
}
std::string const* CommandView::nonce(std::int64_t id) const {
  auto const found = nonces_.find(id);
  return found == nonces_.end() ? nullptr : &found->second;
}
CommandView::Entry const* CommandView::find(std::int64_t id) const {
  auto const* const found = nonce(id);
  return found ? find(std::string_view(*found)) : nullptr;
}

std::vector<std::int64_t> CommandView::open(std::vector<std::string> const& targets, WallTime now) const {
  std::vector<std::int64_t> ids;
  for (auto const& [id, nonce] : nonces_) {
    auto const& command = by_nonce_.find(nonce)->second.command;
    if (is_end(command.status) || std::ranges::find(targets, command.target) == targets.end()) continue;
    if (!is_end(settled(command, now).status)) ids.push_back(id);
  }
  return ids;
}

std::vector<std::int64_t> CommandView::forgettable(milliseconds keep, WallTime now) const {
  std::vector<std::int64_t> ids;
  for (auto const& [id, nonce] : nonces_) {
    auto const& command = by_nonce_.find(nonce)->second.command;
    if (command.created_at + keep <= now && is_end(settled(command, now).status)) ids.push_back(id);
  }
  return ids;
}
void CommandView::forget(std::int64_t id) {
  auto const found = nonces_.find(id);
  if (found == nonces_.end()) return;
  by_nonce_.erase(found->second);
  nonces_.erase(found);
}

void PresenceView::take(std::string_view data, std::string_view key, std::uint64_t sequence, bool gone) {
  auto const place = agents_.find(std::string(key));
  if (place != agents_.end() && sequence <= place->second.revision) return;
  if (gone) {
    if (place != agents_.end()) agents_.erase(place);
    return;
  }
  if (auto presence = presence_from(data)) agents_[std::string(key)] = {std::move(*presence), sequence};
}
PresenceView::Entry const* PresenceView::find(std::string const& agent_id, WallTime now) const {
  auto const found = agents_.find(key_token(agent_id));
  bool const there = found != agents_.end() && now - found->second.presence.last_heartbeat <= kPresenceTtl;
  return there ? &found->second : nullptr;
}

std::vector<Presence> PresenceView::all(WallTime now) const {
  std::vector<Presence> agents;
  for (auto const& [key, entry] : agents_) {
    auto const silence = now - entry.presence.last_heartbeat;
    if (silence > kPresenceTtl) continue;  // the server has forgotten it already
    agents.push_back(entry.presence);
    agents.back().stale = silence > kStale;
  }
  std::ranges::sort(agents, {}, [](Presence const& one) { return one.identity.agent_id; });
  return agents;
}

std::vector<std::string> PresenceView::members(std::string const& address, WallTime now) const {
  std::vector<std::string> ids;
  for (auto const& one : all(now)) {
    auto const addresses = addresses_of(one.identity);
    if (std::ranges::find(addresses, address) != addresses.end()) ids.push_back(one.identity.agent_id);
  }
  return ids;
}

std::string presence_text(Presence const& presence) {
  json const out = {{"agent", presence.identity.agent_id},
                    {"label", presence.identity.label},
                    {"tags", presence.identity.tags},
                    {"capabilities", presence.identity.capabilities},
                    {"narrow", presence.identity.narrow},
                    {"instance", presence.instance_id},
                    {"status", presence.status},
                    {"ready", presence.ready},
                    {"meta", presence.meta},
                    {"registeredAt", to_millis(presence.registered_at)},
                    {"heartbeatAt", to_millis(presence.last_heartbeat)}};
  return out.dump();
}

}  // namespace ar::relay::nats
