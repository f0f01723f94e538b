// An agent's face on the bus: registration, status, heartbeats, unread messages (spec 1.7, 1.8).
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/version.hpp"
#include "daemon/agent/agent.hpp"
#include "daemon/delivery/message_files.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr auto kHeartbeat = 30s;
constexpr auto kLiveness = 20s;
constexpr milliseconds kSoonestRenewal = 1s, kRenewalRetry = 60s, kLongestSleep = 1h;

/// All agents at the same moment, so that an idle machine is woken once for all of them.
Clock::time_point next_multiple_of(Clock::duration period) {
  return Clock::time_point((Clock::now().time_since_epoch() / period + 1) * period);
}

}  // namespace

Identity Agent::identity() const {
  Identity who;
  who.agent_id = spec_.id;
  who.label = spec_.label;
  who.narrow = spec_.agent_profile && !spec_.agent_profile->relay_context;
  auto const& facts = adapter_->facts();
  who.tags = spec_.tags;
  who.tags.insert(who.tags.end(), facts.default_tags.begin(), facts.default_tags.end());
  who.tags.push_back(spec_.provider);
  who.capabilities = spec_.capabilities;
  who.capabilities.insert(who.capabilities.end(), facts.default_capabilities.begin(), facts.default_capabilities.end());
  // Their types were checked by the adapter.
  auto const configured = [&](char const* name, std::vector<std::string>& list) {
    auto const values = option(name);
    for (auto const& value : values)
      if (value.is_string()) list.push_back(value.get<std::string>());
  };
  configured("default_tags", who.tags);
  configured("default_capabilities", who.capabilities);
  return who;
}

json Agent::option(char const* name) const {
  if (auto const own = spec_.options.find(name); own != spec_.options.end()) return *own;
  auto const table = services_.config.providers.find(spec_.provider);
  if (table == services_.config.providers.end()) return {};
  auto const value = table->second.find(name);
  return value == table->second.end() ? json() : *value;
}

std::int64_t Agent::shutdown_timeout_ms() const {
  auto const own = option("shutdown_timeout_ms");
  return own.is_number_integer() ? own.get<std::int64_t>() : services_.config.shutdown_timeout_ms;
}

void Agent::join_bus() {
  relay::BusHints hints;
  hints.message = [this](Message const& message) { queue_.offer(message); };
  hints.command = [this](Command const& command) { take_command(command); };
  subscription_ = services_.bus.subscribe(identity(), spec_.id, std::move(hints));
  keep_up({"mail", [this] { return read_mail(); }});
  keep_up({"bus", [this] { return presence_loop(); }});
  keep_up({"token", [this] { return keep_token_fresh(); }});
  if (spec_.idle_ttl_ms > 0) keep_up({"idle", [this] { return idle_watch(); }});
  for (auto& loop : queue_.loops()) keep_up(std::move(loop));
}

Presence Agent::presence() const {
  Presence presence;
  presence.identity = identity();
  presence.instance_id = instance_id_;
  presence.status = work_.status();
  presence.ready = work_.is_ready();
  presence.meta = meta(true);
  presence.registered_at = record_.created_at;
  presence.last_heartbeat = wall_now();
  return presence;
}

awaitable<void> Agent::presence_loop() {
  LogThrottle gate;
  auto const note = [&](Result<void> const& told, char const* what) {
    if (!told && told.error().code == "unknown_agent") registered_ = false;  // the bus has forgotten it
    if (!told && gate.should_log(what, told.error().message))
      spdlog::warn("agent {}: cannot {} on the bus: {}", spec_.id, what, told.error().message);
    else if (told && gate.recovered(what))
      spdlog::info("agent {}: can {} on the bus again", spec_.id, what);
  };
  auto heartbeat_at = next_multiple_of(kHeartbeat);
  auto liveness_at = next_multiple_of(kLiveness);
  std::string published;
  for (;;) {
    bool const away = left_bus_ && is_at_rest(state_);
    if (away)
      registered_ = false;
    else
      left_bus_ = false;
    if (!away && !registered_) {
      auto const instance = instance_id_, store = services_.bus.store().id;
      auto told = co_await services_.bus.register_agent(presence());
      bool const elsewhere = !store.empty() && store != services_.bus.store().id;
      registered_ = told && instance == instance_id_ && !elsewhere;
      note(told, "register");
      published.clear();
      if (registered_) queue_.look_again();
      (void)co_await fetch_unread();  // the next tick asks again; the status says how the bus is
      if (!told) (void)co_await status_changed_.wait(Clock::now() + kLiveness);
      if (!registered_) continue;
    }
    auto status = work_.status();
    auto shown = meta(false);
    auto const digest = status + to_text(shown);
    bool news = registered_ && digest != published;
    if (news) {
      auto told = co_await services_.bus.publish_status(spec_.id, status, work_.is_ready(), std::move(shown));
      note(told, "publish the status");
      if (told)
        published = digest;
      else
        news = !registered_;  // else the bus is away: at the next change or tick
    }
    if (!news) co_await status_changed_.wait(std::min(heartbeat_at, liveness_at));
    if (registered_ && queue_.wants_more()) {
      auto const told = co_await queue_.fetch_more(identity());
      note(told, "fetch the unread messages");
    }
    if (Clock::now() >= heartbeat_at) {
      heartbeat_at = next_multiple_of(kHeartbeat);
      if (registered_) {
        auto told = co_await services_.bus.heartbeat(spec_.id, meta(false));
        note(told, "send a heartbeat");
      }
    }
    if (Clock::now() >= liveness_at) {
      liveness_at = next_multiple_of(kLiveness);
      published.clear();  // status and ready are told again: whatever else has heard of them may have lost them
      (void)co_await fetch_unread();  // the next tick asks again; the status says how the bus is
    }
  }
}

awaitable<Result<void>> Agent::fetch_unread() {
  auto const fetched = co_await queue_.fetch_unread(identity());
  if (!fetched) co_return fetched.error();
  std::vector<std::string> targets{spec_.id};
  auto commands = co_await services_.bus.commands_for(std::move(targets));
  if (!commands) co_return commands.error();
  for (auto const& command : *commands) take_command(command);
  co_return Result<void>();
}

/// Everything about it is told to the bus and asked of it anew, and its terminal is looked at.
awaitable<Result<json>> Agent::reconnect() {
  if (left_bus_ && is_at_rest(state_))
    co_return conflict("agent_not_running", "agent " + spec_.id + " was shut down from the bus and has left it; " +
                                                "start it with `agent-runner restart " + spec_.id + "`");
  auto const registered = co_await services_.bus.register_agent(presence());
  if (!registered) co_return registered.error();
  auto const fetched = co_await fetch_unread();
  if (!fetched) co_return fetched.error();
  if (auto const terminal = terminal_) {
    auto const seen = co_await terminal->capture();
    if (!seen && terminal == terminal_) co_return seen.error();
  }
  auto shown = view();
  shown["transport"] = services_.bus.transport_state();
  co_return ok(std::move(shown));
}

awaitable<void> Agent::keep_token_fresh() {
  double const jitter = real_random()();
  LogThrottle gate;
  auto const tell = [&](std::string const& why) {
    if (!gate.should_log("renewal", why)) return;
    services_.events.append(spec_.id, "runtime-token-renewal-failed", {{"reason", why}});
    spdlog::warn("agent {}: its token could not be renewed: {}", spec_.id, why);
  };
  auto soonest = kSoonestRenewal;
  for (;;) {
    auto const due = renewal_time(token_, wall_now(), jitter);
    if (!due) {  // it has no end, or has ended: the next process gets a new one
      note_token_invalid();
      co_await changed_.wait();
      continue;
    }
    // A long sleep would not notice that the clock was set.
    auto const wait = std::clamp<milliseconds>(*due - wall_now(), soonest, kLongestSleep);
    bool const slept = co_await sleep_for(wait);
    if (!slept) co_return;
    if (wall_now() < *due) continue;
    auto renewed = co_await services_.bus.renew_token(token_.token);
    auto kept = renewed ? Result<void>() : Result<void>(renewed.error());
    if (renewed) {
      auto fresh = agent_token_from(*renewed, wall_now());
      if (fresh.profile.empty()) fresh.profile = token_.profile;
      token_ = std::move(fresh);
      // Unwritten, it is still good for this daemon; the next one has a new one made.
      kept = write_agent_token(services_.paths.agent_dir(spec_.id), token_);
      tokens_changed_(*this);
      services_.events.append(
          spec_.id, "runtime-token-renewed",
          {{"jti", token_.jti},
           {"expiresAt", token_.expires_at ? json(to_iso8601(*token_.expires_at)) : json(nullptr)}});
      publish();
    }
    soonest = kept ? kSoonestRenewal : kRenewalRetry;
    if (kept)
      (void)gate.recovered("renewal");
    else
      tell(kept.error().message);
  }
}

std::string Agent::why_token_invalid() const {
  if (is_at_rest(state_) || state_ == AgentState::creating || state_ == AgentState::restarting) return {};
  auto const problem = token_problem(token_, wall_now());
  if (problem.empty()) return {};
  return problem + ", so its process cannot speak any more; `agent-runner restart " + spec_.id + "` gives it a new one";
}

void Agent::note_token_invalid() {
  auto const why = why_token_invalid();
  if (why.empty() || std::exchange(token_invalid_noted_, true)) return;
  services_.events.append(spec_.id, "runtime-token-ended", {{"jti", token_.jti}, {"reason", why}});
  spdlog::warn("agent {}: {}", spec_.id, why);
  queue_.on_gate_changed();
  publish();
}

awaitable<void> Agent::idle_watch() {
  auto rest_since = wall_now();
  for (;;) {
    if (!does_nothing()) {
      co_await status_changed_.wait(Clock::now() + 60s);
      rest_since = wall_now();
      continue;
    }
    auto const due = std::max(rest_since, record_.since) + milliseconds(spec_.idle_ttl_ms);
    if (wall_now() < due) {
      co_await status_changed_.wait(Clock::now() + std::min<milliseconds>(due - wall_now(), 1h));
      continue;
    }
    bool const can_go_on = co_await can_resume();
    auto at_rest = Result<void>();
    if (can_go_on) at_rest = co_await check_at_rest();
    rest_since = wall_now();
    if (!at_rest) spdlog::info("not suspended: {}", at_rest.error().message);
    if (!can_go_on || !at_rest || !does_nothing()) continue;
    patience_ = milliseconds(shutdown_timeout_ms());
    (void)apply(AgentInput::suspend, "idle for " + std::to_string(spec_.idle_ttl_ms / 1000) + " s");
  }
}

void Agent::publish() { status_changed_.notify_all(); }

json Agent::meta(bool registration) const {
  json meta = work_.meta();
  meta["runnerId"] = spec_.id;
  meta["startedAt"] = to_iso8601(record_.started_at);
  meta["tmuxSession"] = record_.tmux_session;
  meta["tmuxSocket"] = services_.paths.tmux_socket().string();
  meta["policyName"] = spec_.policy_name;
  meta["spawnRequestId"] = spec_.spawn_request_id;
  meta["automationId"] = spec_.automation_id;
  meta["automationRunId"] = spec_.automation_run_id;
  meta["lifecycleAction"] = lifecycle_action_.empty() ? json(nullptr) : json(lifecycle_action_);
  meta["profile"] = spec_.profile;
  meta["workspace"] = to_json(spec_.workspace);
  meta["workspaceMode"] = spec_.workspace.mode;
  meta["providerState"] = to_string(state_);
  meta["auth"] = {{"profileId", token_.profile}, {"jti", token_.jti}, {"rootTokenFallback", false}};
  meta["auth"]["expiresAt"] = token_.expires_at ? json(to_iso8601(*token_.expires_at)) : json(nullptr);
  // What is over is told as well: the bus keeps a field until it hears it anew.
  meta["pendingApprovals"] = services_.approvals.pending_of(spec_.id);
  meta["transport"] = services_.bus.transport_state();
  meta["limited"] = queue_.provider_hold().shown();
  meta["context"] = nullptr;
  if (!context_use_.is_null()) {
    meta["context"] = {{"utilization", context_use_["utilization"]},
                       {"lifecycleState", to_string(state_)},
                       {"source", context_use_["source"]},
                       {"confidence", context_use_["confidence"]}};
  }
  if (registration) {
    meta["version"] = kVersion;
    meta["package"] = "agent-runner";
    meta["provider"] = spec_.provider;
    meta["model"] = spec_.model;
    meta["effort"] = spec_.effort;
    meta["cwd"] = spec_.cwd;
    meta["approvalMode"] = spec_.approval_mode;
    meta["label"] = spec_.label;
    meta["runnerManaged"] = true;
    if (spec_.agent_profile) {
      meta["agentProfile"] = adapters::summary_of(*spec_.agent_profile);
      meta["agentProfile"]["projection"] = projection().summary();
    }
    meta["lifecycleCapabilities"] = {
        {"shutdownHard", true}, {"restartHard", true}, {"semanticStatus", true}, {"transportReconnect", true}};
    meta["providerCapabilities"] = adapter_->facts().capabilities;
  }
  return meta;
}

json Agent::view() const {
  json shown = to_public(spec_);
  shown["state"] = to_string(state_);
  auto const mute = why_token_invalid();
  shown["reason"] = mute.empty() ? record_.reason : mute;
  shown["since"] = to_iso8601(record_.since);
  shown["createdAt"] = to_iso8601(record_.created_at);
  shown["pid"] = record_.pid;
  shown["tmuxSession"] = record_.tmux_session;
  shown["tmuxSocket"] = services_.paths.tmux_socket().string();
  shown["providerSession"] = record_.session_id;
  shown["queue"] = queue_.waiting();
  auto held = no_bus();
  if (held.empty()) held = queue_.held_reason();
  if (!held.empty() && held != mute) shown["held"] = held;
  if (auto limited = queue_.provider_hold().shown(); !limited.is_null()) shown["limited"] = std::move(limited);
  if (auto pending = services_.approvals.pending_of(spec_.id); !pending.empty())
    shown["approvals"] = std::move(pending);
  if (!context_use_.is_null()) shown["contextUse"] = context_use_;
  shown["restarts"] = record_.restarts;
  shown["turns"] = record_.turns;
  shown["lastExit"] = record_.last_exit;
  shown["status"] = work_.status();
  shown["work"] = work_.meta()["activeWork"];
  if (spec_.agent_profile) shown["projection"] = projection().fields();
  if (!record_.model.empty()) shown["reportedModel"] = record_.model;
  if (auto const bytes = memory_bytes(); bytes > 0) shown["memoryBytes"] = bytes;
  return shown;
}

std::int64_t Agent::memory_bytes() const {
  return record_.pid > 0 ? services_.terminals.memory_bytes(static_cast<pid_t>(record_.pid), record_.mark) : 0;
}

bool Agent::does_nothing() const {
  return state_ == AgentState::idle && queue_.waiting() == 0 && !queue_.turn_open() && work_.status() == "idle";
}

awaitable<bool> Agent::can_resume() const {
  auto job = [adapter = adapter_, request = launch_request(), id = record_.session_id] {
    return !id.empty() && adapter->can_resume(request, id);
  };
  co_return co_await services_.launches.run(std::move(job));
}

awaitable<Result<void>> Agent::check_at_rest() {
  std::string doing;
  if (auto const session = session_; session && state_ == AgentState::idle) doing = co_await session->running_work();
  // What is known here may have changed meanwhile.
  if (auto known = work_.busy_with(); !known.empty()) doing = std::move(known);
  if (state_ == AgentState::idle && !doing.empty())
    co_return conflict("wrong_state", "agent " + spec_.id + " has work under way (" + doing +
                                          ") and cannot suspend now; see `agent-runner ps`");
  if (is_wanted())
    co_return conflict("wrong_state", "agent " + spec_.id +
                                          " has messages waiting, which would wake it at once; see `agent-runner ps`");
  co_return Result<void>();
}

// ---- DeliveryHost ----

adapters::ProviderSession* Agent::ready_session() {
  if (!session_ || ending_ || !provider_ready_ || !why_token_invalid().empty()) return nullptr;
  return state_ == AgentState::idle || state_ == AgentState::busy ? session_.get() : nullptr;
}

std::string Agent::not_ready_reason() const {
  if (auto why = why_token_invalid(); !why.empty()) return why;
  switch (state_) {
    case AgentState::waiting: return "waits for a person: " + record_.reason;
    case AgentState::failed: return "the agent has failed: " + record_.reason;
    case AgentState::stopped: return "the agent is stopped; `agent-runner restart " + spec_.id + "` starts it";
    default: return "the agent is " + std::string(to_string(state_));
  }
}

std::string Agent::no_bus() const {
  auto const refused = services_.bus.refusal(spec_.id);
  return refused ? refused->message : std::string();
}

awaitable<adapters::RecordedOutcome> Agent::look_up_outcome(adapters::Prompt prompt) {
  auto job = [adapter = adapter_, request = launch_request(), prompt = std::move(prompt), newest = record_.transcript,
              earlier = record_.earlier_transcript] {
    auto const says = adapter->look_up_outcome(request, newest, prompt);
    if (says != adapters::RecordedOutcome::absent || earlier.empty()) return says;
    return adapter->look_up_outcome(request, earlier, prompt);
  };
  co_return co_await services_.files.run(std::move(job));
}

awaitable<std::optional<adapters::TurnEnded>> Agent::turn_end(std::vector<std::string> nonces) {
  using End = std::optional<adapters::TurnEnded>;
  if (nonces.empty()) co_return std::nullopt;
  auto job = [adapter = adapter_, request = launch_request(), nonces = std::move(nonces), newest = record_.transcript,
              earlier = record_.earlier_transcript]() -> Result<End> {
    auto end = adapter->turn_end(request, newest, nonces);
    if (!end && !earlier.empty()) end = adapter->turn_end(request, earlier, nonces);
    return end;
  };
  auto end = co_await services_.files.run(std::move(job));
  co_return end ? std::move(*end) : std::nullopt;
}

void Agent::wanted() {
  if (state_ == AgentState::suspended) (void)apply(AgentInput::wake, "a message came");
}

void Agent::hold_changed() {
  record_.hold = queue_.provider_hold().stored();
  save();
  publish();
}

void Agent::bus_reached() {
  queue_.store_reached();
  publish();
}

void Agent::store_changed() {
  registered_ = false;
  publish();
}

std::filesystem::path Agent::files_dir() const { return message_files_dir(services_.paths, spec_.id); }

}  // namespace ar::daemon
