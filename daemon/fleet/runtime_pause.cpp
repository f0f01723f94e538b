#include "daemon/fleet/runtime_pause.hpp"

#include "daemon/store/event_log.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
using Phase = RuntimeState::Phase;
namespace {

constexpr auto kInterruptPatience = 10s;  ///< from the interruption to the end of the turn

}  // namespace

RuntimePause::RuntimePause(Services& services, Supervisor const& supervisor, TaskGroup::OnDeath on_death)
    : services_(services),
      state_(services.runtime),
      supervisor_(supervisor),
      on_death_(std::move(on_death)),
      over_(services.executor),
      tasks_(services.executor, "pause") {}

awaitable<Result<std::int64_t>> RuntimePause::begin(milliseconds grace, bool force, std::string reason) {
  auto const pause = co_await state_.pause(std::move(reason));
  if (!pause) {
    if (!state_.is_paused()) tell_agents();  // the disk did not take it
    co_return pause.error();
  }
  told_to_end_.clear();
  note_runs();
  spdlog::info("the runtime is pausing: nothing new is handed to any agent");
  json event = {{"timeoutMs", grace.count()}, {"force", force}, {"running", parked_and_running()["running"]}};
  if (!state_.reason().empty()) event["reason"] = state_.reason();
  services_.events.append("", "runtime.pausing", std::move(event));
  tasks_.spawn_vital("pause", carry_out(*pause, Clock::now() + grace, force), on_death_);
  tell_agents();
  co_return *pause;
}

awaitable<void> RuntimePause::carry_out(std::int64_t pause, Clock::time_point end_of_grace, bool force) {
  co_await wait_for_turns(pause, end_of_grace, false);
  if (force) co_await wait_for_turns(pause, Clock::now() + kInterruptPatience, true);
  bool const settled = co_await state_.settle(pause);
  if (!settled) co_return;
  auto event = parked_and_running();
  spdlog::info("the runtime is paused; {} turns still run", event["running"].size());
  if (!state_.reason().empty()) event["reason"] = state_.reason();
  services_.events.append("", "runtime.paused", std::move(event));
  over_.notify_all();
}

/// Until none runs, at the longest until the deadline or the end of the pause.
awaitable<void> RuntimePause::wait_for_turns(std::int64_t pause, Clock::time_point deadline, bool interrupting) {
  for (;;) {
    auto const seen = services_.events.last();  // each end of a turn is an event
    if (!state_.is_present(pause)) co_return;
    note_runs();
    if (interrupting) interrupt_runs();
    if (parked_and_running()["running"].empty() || Clock::now() >= deadline) co_return;
    (void)co_await services_.events.wait({}, seen, deadline);
  }
}

void RuntimePause::note_runs() {
  for (auto const& [id, agent] : supervisor_.agents())
    if (agent->turn_runs()) state_.add_run(id, agent->running_turn());
}

void RuntimePause::interrupt_runs() {
  for (auto const& run : state_.runs()) {
    auto const agent = supervisor_.find(run.agent);
    if (!agent || agent->running_turn() != run.turn) continue;
    if (told_to_end_.emplace(run.agent, run.turn).second) tasks_.spawn("interrupt " + run.agent, interrupt(agent, run));
  }
}

awaitable<void> RuntimePause::interrupt(std::shared_ptr<Agent> agent, RuntimeState::Run run) {
  state_.set_interrupted(run, true);
  json params = {{"reason", "the runtime is paused"}};
  auto const done = co_await agent->act("interrupt", std::move(params));
  if (done) co_return;
  spdlog::warn("agent {} is not interrupted for the pause: {}", run.agent, done.error().message);
  state_.set_interrupted(run, false);
}

awaitable<json> RuntimePause::wait_until_over(std::int64_t pause) {
  auto const begun = Clock::now();
  auto const goes_on = [&] { return state_.is_present(pause) && state_.phase() == Phase::pausing; };
  while (goes_on()) co_await over_.wait();
  auto answer = parked_and_running();
  answer["state"] = to_string(state_.is_present(pause) ? Phase::paused : Phase::running);
  answer["ms"] = std::chrono::duration_cast<milliseconds>(Clock::now() - begun).count();
  co_return answer;
}

awaitable<Result<json>> RuntimePause::resume() {
  auto const reason = state_.reason();
  auto const resumed = co_await state_.resume();
  if (!resumed) co_return resumed.error();
  spdlog::info("the runtime goes on: agents are given work again");
  json event = json::object();
  if (!reason.empty()) event["reason"] = reason;
  services_.events.append("", "runtime.resumed", std::move(event));
  tell_agents();
  over_.notify_all();
  co_return ok(shown());
}

json RuntimePause::shown() const {
  json runs = json::array();
  for (auto const& run : state_.runs()) {
    auto const agent = supervisor_.find(run.agent);
    bool const runs_still = agent && agent->running_turn() == run.turn;
    runs.push_back({{"agent", run.agent},
                    {"turn", run.turn},
                    {"outcome", runs_still        ? "running"
                                : run.interrupted ? "interrupted"
                                                  : "finished"}});
  }
  json shown = {
      {"state", to_string(state_.phase())}, {"since", to_iso8601(state_.since())}, {"pausedRuns", std::move(runs)}};
  if (!state_.reason().empty()) shown["reason"] = state_.reason();
  return shown;
}

json RuntimePause::parked_and_running() const {
  json parked = json::array(), running = json::array();
  for (auto const& [id, agent] : supervisor_.agents()) (agent->is_at_work() ? running : parked).push_back(id);
  return {{"parked", std::move(parked)}, {"running", std::move(running)}};
}

void RuntimePause::tell_agents() {
  for (auto const& [id, agent] : supervisor_.agents()) agent->on_pause_changed();
}

}  // namespace ar::daemon
