#include "daemon/agent/restarts.hpp"

#include "daemon/store/event_log.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr auto kLaunchAgain = 2s;  ///< after a failure that may pass by itself

}  // namespace

Restarts::Restarts(Services& services, AgentSpec const& spec, AgentRecord& record, AgentProcess const& process,
                   AgentProvider const& provider)
    : services_(services), spec_(spec), record_(record), process_(process), provider_(provider) {
  policy_.remember(record_.exits, Clock::now(), wall_now());
}

void Restarts::on_launched() {
  (void)failures_.recovered("start");
  policy_.on_found();
}

void Restarts::forget() {
  policy_.forget();
  record_.exits.clear();
}

Restarts::Next Restarts::after_failed_launch(Error const& error) {
  Next next{kLaunchAgain, error.message};
  if (error.code == "cli_missing") {
    auto const decision = policy_.on_missing(Clock::now());
    next.wait = decision.wait;
    if (!next.wait) next.why += "; gave up after " + std::to_string(decision.exits) + " tries in 2 min";
  }
  if (!next.wait) return next;
  if (failures_.should_log("start", error.message)) {
    spdlog::warn("agent {}: cannot start it now: {}", spec_.id, error.message);
    services_.events.append(spec_.id, "agent.restarting", {{"reason", error.message}, {"waitMs", next.wait->count()}});
  }
  next.why += "; tried again in " + std::to_string(next.wait->count()) + " ms";
  return next;
}

Restarts::Next Restarts::after_exit() {
  auto const lived = std::max<milliseconds>(wall_now() - record_.started_at, 0ms);
  auto const decision = policy_.on_exit(Clock::now(), lived);
  record_.exits = policy_.history(Clock::now(), wall_now());
  // Later than at its start, a shell's exit status is that of its last command, whatever that was.
  bool const at_start = process_.last_status().known && lived < 30s;
  auto const permanent_failure =
      at_start ? provider_.adapter().permanent_failure(process_.last_status()) : std::string();
  if (!permanent_failure.empty())
    return {{},
            "not started again: " + permanent_failure +
                (permanent_failure == record_.last_exit ? "" : " (" + record_.last_exit + ")")};
  auto const exits = std::to_string(decision.exits);
  if (!decision.wait) return {{}, "gave up after " + exits + " exits in 2 min (last: " + record_.last_exit + ")"};
  auto const wait = services_.brake.slot(Clock::now(), *decision.wait);
  spdlog::warn("agent {}: its process has ended after {:.1f} s ({}); it is started again in {} ms", spec_.id,
               std::chrono::duration<double>(lived).count(), record_.last_exit, wait.count());
  services_.events.append(spec_.id, "agent.restarting",
                          {{"exits", decision.exits}, {"livedMs", lived.count()}, {"waitMs", wait.count()}});
  return {wait, record_.last_exit + ", restart " + exits + " in " + std::to_string(wait.count()) + " ms"};
}

Restarts::Next Restarts::after_cold_start(std::string const& why) {
  auto const wait = services_.brake.slot(Clock::now(), 0ms);
  services_.events.append(spec_.id, "agent.restarting", {{"reason", why}, {"waitMs", wait.count()}});
  return {wait, why + "; started again in " + std::to_string(wait.count()) + " ms"};
}

}  // namespace ar::daemon
