#include "daemon/api/system_api.hpp"

#include "base/version.hpp"
#include "daemon/outbox/outbox.hpp"
#include "daemon/store/known_store.hpp"

#include <unistd.h>

namespace ar::daemon {

SystemApi::SystemApi(Services& services, Supervisor const& supervisor, RuntimePause const& pause,
                     Schedules const& schedules, Access const& access, LoopLag const& lag, Metrics& metrics,
                     std::function<void(bool)> on_shut_down, Reload reload)
    : services_(services),
      supervisor_(supervisor),
      pause_(pause),
      schedules_(schedules),
      access_(access),
      lag_(lag),
      metrics_(metrics),
      on_shut_down_(std::move(on_shut_down)),
      reload_(std::move(reload)),
      started_at_(wall_now()) {}

awaitable<Result<json>> SystemApi::info() {
  json counts = json::object();
  for (auto const& [id, agent] : supervisor_.agents()) {
    std::string const state(to_string(agent->state()));
    counts[state] = counts.value(state, 0) + 1;
  }
  auto const next = schedules_.next_time();
  json info = {{"version", kVersion},
               {"pid", ::getpid()},
               {"instanceId", services_.instance_id},
               {"startedAt", to_iso8601(started_at_)},
               {"stateDir", services_.paths.state_dir.string()},
               {"configFile", services_.paths.config_file.string()},
               {"controlSocket", services_.paths.control_socket().string()},
               {"controlPort", services_.tcp_port()},
               {"tmuxSocket", services_.paths.tmux_socket().string()},
               {"relay",
                {{"kind", services_.bus.name()},
                 {"transport", services_.bus.transport_state()},
                 {"store", services_.store.id()}}},
               {"runtime", pause_.shown()},
               {"outbox", services_.outbox.shown()},
               {"nextSchedule", next ? json(to_iso8601(*next)) : json(nullptr)},
               {"agents", std::move(counts)},
               {"descriptors", services_.descriptors.shown()},
               {"loop", lag_.shown()},
               {"lastEvent", services_.events.last()},
               {"ready", access_.is_open()}};
  co_return ok(std::move(info));
}

awaitable<Result<json>> SystemApi::configuration() {
  json list = json::array();
  for (auto const& entry : services_.config.explained)
    list.push_back({{"key", entry.key},
                    {"value", entry.value},
                    {"origin", entry.origin},
                    {"help", entry.help},
                    {"live", entry.live}});
  json shown = {{"file", services_.paths.config_file.string()}, {"settings", std::move(list)}};
  co_return ok(std::move(shown));
}

awaitable<Result<json>> SystemApi::reload_configuration() {
  if (auto open = access_.check_open(); !open) co_return open.error();
  auto const changes = co_await reload_();
  if (!changes) co_return changes.error();
  json changed = json::array(), restart = json::array();
  for (auto const& change : *changes)
    if (change.live)
      changed.push_back({{"key", change.key}, {"before", change.before}, {"value", change.after}});
    else
      restart.push_back({{"key", change.key}, {"inForce", change.before}, {"value", change.after}});
  json shown = {
      {"file", services_.paths.config_file.string()}, {"changed", std::move(changed)}, {"restart", std::move(restart)}};
  co_return ok(std::move(shown));
}

awaitable<Result<json>> SystemApi::bus() { co_return ok(co_await services_.bus.status()); }

awaitable<Result<json>> SystemApi::shut_down(bool stop_agents) {
  on_shut_down_(stop_agents);
  json answer = {{"stopping", true}, {"agentsStopped", stop_agents}};
  co_return ok(std::move(answer));
}

}  // namespace ar::daemon
