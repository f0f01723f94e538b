#include "daemon/outbox/receiver.hpp"

#include "model/event_type.hpp"

#include <algorithm>

namespace ar::daemon {
namespace {

bool matches(std::string_view pattern, std::string_view type) {
  if (pattern.ends_with('*')) return type.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == type;
}

/// Of what the outbox itself does nobody is told by it: a receiver that takes nothing would be owed ever more.
bool is_own(std::string_view type) { return type.starts_with("webhook.") || type.starts_with("callback."); }

}  // namespace

bool Receiver::wants(std::string_view about_agent, std::string_view type) const {
  if (is_callback() || gone || is_own(type) || (!agent.empty() && agent != about_agent)) return false;
  return std::ranges::any_of(events, [&](auto const& pattern) { return matches(pattern, type); });
}

json to_journal(Receiver const& r) {
  return {{"url", r.url},
          {"secret", r.secret},
          {"events", r.events},
          {"agent", r.agent},
          {"callId", r.call_id},
          {"createdAt", to_millis(r.created_at)},
          {"gone", r.gone},
          {"failures", r.failures},
          {"failingSince", to_millis(r.failing_since)},
          {"nextAt", to_millis(r.next_at)}};
}

Receiver receiver_from(std::string id, std::string owner, json const& s) {
  Receiver r;
  r.id = std::move(id);
  r.owner = std::move(owner);
  r.url = s.at("url").get<std::string>();
  r.secret = s.at("secret").get<std::string>();
  r.events = s.value("events", std::vector<std::string>());
  r.agent = s.value("agent", "");
  r.call_id = s.value("callId", "");
  r.created_at = from_millis(s.value("createdAt", std::int64_t{0}));
  r.gone = s.value("gone", false);
  r.failures = s.value("failures", 0);
  r.failing_since = from_millis(s.value("failingSince", std::int64_t{0}));
  r.next_at = from_millis(s.value("nextAt", std::int64_t{0}));
  return r;
}

json to_public(Receiver const& r) {
  bool const failing = r.failures > 0;
  auto const time = [](WallTime at, bool there) { return there ? json(to_iso8601(at)) : json(nullptr); };
  return {{"id", r.id},
          {"url", r.url},
          {"events", r.events},
          {"agent", r.agent.empty() ? json(nullptr) : json(r.agent)},
          {"owner", r.owner},
          {"createdAt", to_iso8601(r.created_at)},
          {"state", r.gone    ? "gone"
                    : failing ? "failing"
                              : "active"},
          {"failures", r.failures},
          {"failingSince", time(r.failing_since, failing)},
          {"nextAttemptAt", time(r.next_at, failing && !r.gone)}};
}

bool is_event_pattern(std::string_view pattern) {
  return std::ranges::any_of(event_types(),
                             [&](auto const& type) { return !is_own(type.name) && matches(pattern, type.name); });
}

}  // namespace ar::daemon
