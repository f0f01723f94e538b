#include "daemon/agent/agent_rest.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;

bool AgentRest::does_nothing() const {
  return parts_.state == AgentState::idle && parts_.queue.deliveries().waiting() == 0 && !parts_.turns.running() &&
         parts_.work.status() == "idle";
}

bool AgentRest::is_wanted() const {
  return std::ranges::any_of(parts_.queue.open(),
                             [](auto const& entry) { return entry.second.state == DeliveryState::queued; });
}

awaitable<void> AgentRest::watch() {
  auto rest_since = wall_now();
  for (;;) {
    if (!does_nothing()) {
      (void)co_await parts_.presence.changed(Clock::now() + 60s);
      rest_since = wall_now();
      continue;
    }
    auto const due = std::max(rest_since, parts_.record.since) + milliseconds(parts_.spec.idle_ttl_ms);
    if (wall_now() < due) {
      (void)co_await parts_.presence.changed(Clock::now() + std::min<milliseconds>(due - wall_now(), 1h));
      continue;
    }
    bool const can_go_on = co_await parts_.provider.can_resume();
    auto at_rest = Result<void>();
    if (can_go_on) at_rest = co_await check();
    rest_since = wall_now();
    if (!at_rest) spdlog::info("not suspended: {}", at_rest.error().message);
    if (!can_go_on || !at_rest || !does_nothing()) continue;
    suspend_("idle for " + std::to_string(parts_.spec.idle_ttl_ms / 1000) + " s");
  }
}

awaitable<Result<void>> AgentRest::check() {
  std::string doing;
  if (auto const session = parts_.process.session(); session && parts_.state == AgentState::idle)
    doing = co_await session->running_work();
  // What is known here may have changed meanwhile.
  if (auto known = parts_.work.busy_with(); !known.empty()) doing = std::move(known);
  if (parts_.state == AgentState::idle && !doing.empty())
    co_return conflict("wrong_state", "agent " + parts_.spec.id + " has work under way (" + doing +
                                          ") and cannot suspend now; see `agent-runner ps`");
  if (is_wanted())
    co_return conflict("wrong_state", "agent " + parts_.spec.id +
                                          " has messages waiting, which would wake it at once; see `agent-runner ps`");
  co_return Result<void>();
}

}  // namespace ar::daemon
