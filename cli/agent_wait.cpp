#include "cli/agent_wait.hpp"

#include "cli/context.hpp"
#include "cli/event_follower.hpp"
#include "cli/text.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

namespace ar::cli {
namespace {

constexpr milliseconds kSilentPatience = std::chrono::seconds(3);  ///< then people are told what is waited for

}  // namespace

Result<void> wait_until_ready(Context const& context, ApiClient& api, json& agent, milliseconds patience) {
  using SteadyClock = std::chrono::steady_clock;
  auto const endpoint = context.endpoint();
  if (!endpoint) return endpoint.error();
  auto const id = field(agent, "id"), path = "/v1/agents/" + encoded(id);
  std::optional<EventFollower> events;
  auto const begun = SteadyClock::now(), deadline = begun + patience;
  for (bool told = false;;) {
    // A fresh client each time: the daemon may have been replaced while the events were followed.
    auto const seen = ApiClient(*endpoint).get(path);
    if (!seen && seen.error().kind != ErrorKind::unavailable) return seen.error();
    if (seen) agent = *seen;
    auto const state = field(agent, "state"), reason = field(agent, "reason");
    if (seen && (state == "idle" || state == "busy")) return {};
    if (seen && state == "waiting")
      return conflict("person_needed",
                      "agent " + id + " waits for a person: " + reason + "; agent-runner attach " + id);
    if (seen && (state == "failed" || state == "stopped" || state == "suspended"))
      return internal("start_failed",
                      "agent " + id + (state == "failed" ? " has failed: " : " is " + state + ": ") + reason);
    auto const left = std::chrono::ceil<milliseconds>(deadline - SteadyClock::now());
    if (left <= milliseconds(0))
      return timed_out("agent " + id + " is not ready after " + duration(patience) + ", but " + state +
                       (reason.empty() ? "" : " (" + reason + ")") + "; it goes on: agent-runner show " + id +
                       ", agent-runner screen " + id);
    if (!told && SteadyClock::now() - begun >= kSilentPatience) {
      told = true;
      context.note("agent-runner: waiting until " + single_line(id) + " is ready; look: agent-runner screen " +
                   single_line(id));
    }
    if (!events) {  // from before the next look: what changes in between is heard of
      auto const now = api.get(path + "/events?cursor=latest");
      if (!now) return now.error();
      events.emplace(*endpoint, path + "/events", field(*now, "eventCursor"));
      continue;
    }
    auto const event = events->next(told ? left : std::min(left, kSilentPatience));
    if (!event) return event.error();
  }
}

}  // namespace ar::cli
