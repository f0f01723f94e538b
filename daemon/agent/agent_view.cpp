#include "daemon/agent/agent_view.hpp"

#include "base/duration.hpp"
#include "base/version.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/agent/provider_capabilities.hpp"
#include "daemon/agent/session_status.hpp"
#include "daemon/resources/agent_groups.hpp"

#include <algorithm>

namespace ar::daemon {
namespace {

/// Those that are not there yet.
void add(std::vector<std::string> const& words, std::vector<std::string>& list) {
  for (auto const& word : words)
    if (std::ranges::find(list, word) == list.end()) list.push_back(word);
}

/// A profile as the bus is told of it: how many texts, skills and plugins it has, not which.
json in_numbers(adapters::Profile const& profile) {
  auto shown = adapters::summary_of(profile);
  shown["instructions"] = {{"repoInstructions", profile.repo_instructions},
                           {"globalInstructions", profile.global_instructions},
                           {"appendCount", profile.append.size()},
                           {"hasSystem", !profile.system.empty()}};
  shown["skills"] = profile.skills.size();
  shown["plugins"] = profile.plugins.size();
  return shown;
}

json text_or_null(std::string const& text) { return text.empty() ? json(nullptr) : json(text); }

}  // namespace

Identity AgentView::identity() const {
  auto const& spec = parts_.spec;
  auto const& provider = parts_.provider;
  Identity who;
  who.agent_id = spec.id;
  who.label = spec.label;
  who.narrow = spec.agent_profile && !spec.agent_profile->relay_context;
  auto const& facts = provider.adapter().facts();
  add(spec.tags, who.tags);
  add(facts.default_tags, who.tags);
  add({spec.provider}, who.tags);
  add(spec.capabilities, who.capabilities);
  add(facts.default_capabilities, who.capabilities);
  // Their types were checked by the adapter.
  auto const configured = [&](char const* name, std::vector<std::string>& list) {
    auto const values = provider.option(name);
    for (auto const& value : values)
      if (value.is_string()) add({value.get<std::string>()}, list);
  };
  configured("default_tags", who.tags);
  configured("default_capabilities", who.capabilities);
  add({"headless"}, who.tags);  // nobody sits at its terminal
  return who;
}

json AgentView::meta(bool registration) const {
  auto const& [services, spec, record, state, provider, keeper, work, queue, retries, stalls] = parts_;
  auto const& token = keeper.token();
  json meta = work.meta();
  meta["runnerId"] = spec.id;
  meta["startedAt"] = millis_or_null(record.started_at);
  meta["tmuxSession"] = record.tmux_session;
  meta["tmuxSocket"] = services.paths.tmux_socket().string();
  meta["policyName"] = text_or_null(spec.policy_name);
  meta["spawnRequestId"] = text_or_null(spec.spawn_request_id);
  meta["automationId"] = text_or_null(spec.automation_id);
  meta["automationRunId"] = text_or_null(spec.automation_run_id);
  meta["lifecycleAction"] = text_or_null(lifecycle_action_);
  meta["lifecycleActionAt"] = millis_or_null(lifecycle_action_at_);
  meta["profile"] = text_or_null(spec.profile);
  meta["workspace"] = to_json(spec.workspace);
  meta["workspaceMode"] = spec.workspace.mode;
  meta["state"] = to_string(state);
  meta["providerState"] = work.provider_state();
  meta["auth"] = {{"profileId", token.profile}, {"jti", token.jti}, {"rootTokenFallback", false}};
  meta["auth"]["expiresAt"] = token.expires_at ? json(to_millis(*token.expires_at) / 1000) : json(nullptr);
  // What is over is told as well: the bus keeps a field until it hears it anew.
  meta["pendingApprovals"] = services.approvals.pending_of(spec.id);
  meta["transport"] = services.bus.transport_state();
  meta["limited"] = queue.outcomes().limited();
  meta["context"] = nullptr;
  if (!context_use_.is_null()) {
    meta["context"] = {{"utilization", context_use_["utilization"]},
                       {"lifecycleState", to_string(state)},
                       {"source", context_use_["source"]},
                       {"confidence", context_use_["confidence"]}};
  }
  meta["providerCapabilities"] =
      provider_capabilities(provider.adapter().facts().capabilities, spec, record, context_use_);
  if (registration) add_registration(meta);
  return meta;
}

void AgentView::add_registration(json& meta) const {
  auto const& spec = parts_.spec;
  auto const& provider = parts_.provider;
  meta["version"] = kVersion;
  meta["package"] = {{"name", "agent-runner"}, {"version", kVersion}};
  meta["provider"] = spec.provider;
  meta["model"] = text_or_null(spec.model);
  meta["effort"] = text_or_null(spec.effort);
  meta["cwd"] = spec.cwd;
  meta["approvalMode"] = spec.approval_mode;
  meta["label"] = text_or_null(spec.label);
  meta["runnerManaged"] = true;
  meta["agentProfile"] = nullptr;
  if (spec.agent_profile) {
    meta["agentProfile"] = in_numbers(*spec.agent_profile);
    meta["agentProfile"]["projection"] = provider.projection().summary();
  }
  meta["lifecycleCapabilities"] = {
      {"shutdownHard", true}, {"restartHard", true}, {"semanticStatus", true}, {"transportReconnect", true}};
}

json AgentView::shown(std::string const& no_bus) const {
  auto const& [services, spec, record, state, provider, token, work, queue, retries, stalls] = parts_;
  json shown = to_public(spec);
  shown["state"] = to_string(state);
  auto const mute = token.why_invalid();
  shown["reason"] = mute.empty() ? record.reason : mute;
  shown["since"] = to_iso8601(record.since);
  shown["createdAt"] = to_iso8601(record.created_at);
  shown["pid"] = record.pid;
  shown["tmuxSession"] = record.tmux_session;
  shown["tmuxSocket"] = services.paths.tmux_socket().string();
  shown["providerSession"] = record.session_id;
  if (auto const road = provider.option("road"); road.is_string()) shown["road"] = road;
  shown["queue"] = queue.deliveries().waiting();
  auto held = no_bus;
  if (held.empty()) held = queue.held_reason();
  if (!held.empty() && held != mute) shown["held"] = held;
  if (!record.account.empty()) shown["account"] = record.account;
  if (auto limited = queue.outcomes().limited(); !limited.is_null()) shown["limited"] = std::move(limited);
  if (auto retrying = retries.shown(); !retrying.is_null()) shown["retrying"] = std::move(retrying);
  if (auto stalled = stalls.shown(); !stalled.is_null()) shown["stalled"] = std::move(stalled);
  if (auto pending = services.approvals.pending_of(spec.id); !pending.empty()) shown["approvals"] = std::move(pending);
  if (!context_use_.is_null()) shown["contextUse"] = context_use_;
  if (auto used = record.usage.shown(); !used.is_null()) shown["usage"] = std::move(used);
  if (auto cost = record.usage.shown_cost(); !cost.is_null()) shown["costUsd"] = std::move(cost);
  shown["restarts"] = record.restarts;
  shown["turns"] = record.turns;
  shown["lastExit"] = record.last_exit;
  shown["status"] = work.status();
  shown["work"] = work.meta()["activeWork"];
  if (spec.agent_profile) shown["projection"] = provider.projection().fields();
  if (!record.model.empty()) shown["reportedModel"] = record.model;
  if (auto const bytes = memory_bytes(); bytes > 0) shown["memoryBytes"] = bytes;
  if (record.pid > 0 && !record.placement.by.empty()) shown["resources"] = resources();
  return shown;
}

/// Without a group, or where it does not count memory: what is known of the single processes.
json AgentView::resources() const {
  auto const& services = parts_.services;
  auto const& record = parts_.record;
  auto const& placement = record.placement;
  json shown = {{"by", placement.by},
                {"limits", placement.limits},
                {"partly", placement.partly},
                {"notHeld", placement.not_held}};
  auto const group = services.groups.watch().use_of(placement.group);
  auto const single = services.terminals.use_of(static_cast<pid_t>(record.pid), record.mark);
  if (!group && single.tasks == 0) return shown;
  constexpr double kSecond = 1e6;
  shown["memoryBytes"] = group ? group->memory_bytes.value_or(single.memory_bytes) : single.memory_bytes;
  shown["tasks"] = group ? group->tasks : single.tasks;
  shown["cpuSeconds"] = static_cast<double>(group ? group->cpu_usec : single.cpu_usec) / kSecond;
  return shown;
}

json AgentView::session(bool turn_runs, bool interrupting, std::int64_t retained_bytes) const {
  auto const& [services, spec, record, state, provider, token, work, queue, retries, stalls] = parts_;
  auto const time = [](WallTime at) { return at == WallTime() ? json(nullptr) : json(to_iso8601(at)); };
  auto const some = [](auto const& value, bool there) { return there ? json(value) : json(nullptr); };
  bool const timed = spec.idle_ttl_ms > 0;
  auto const status = session_status(state);
  TurnFacts const turn{turn_runs, interrupting, queue.deliveries().waiting() > 0, record.last_turn};
  return {{"id", spec.id},
          {"provider", spec.provider},
          {"status", status},
          {"turnSeq", some(record.turns - 1, record.turns > 0)},
          {"turnStatus", turn_status(state, turn)},
          {"idleTtl", some(duration_text(milliseconds(spec.idle_ttl_ms)), timed)},
          {"idleTtlMs", some(spec.idle_ttl_ms, timed)},
          {"deadlineMs", some(spec.deadline_ms, spec.deadline_ms > 0)},
          {"timedOut", record.deadline_over},
          {"createdAt", to_iso8601(record.created_at)},
          {"updatedAt", to_iso8601(record.since)},
          {"idleAt", time(record.idle_at)},
          {"suspendedAt", some(to_iso8601(record.since), status == "suspended")},
          {"activeDurationMs", record.active_ms},
          {"lastTurnDurationMs", some(record.last_turn_ms, !record.last_turn.empty())},
          {"retainedStorageBytes", retained_bytes},
          {"usage", record.usage.shown()},
          {"costUsd", record.usage.shown_cost()},
          {"errorMessage", some(record.reason, state == AgentState::failed)},
          {"parent", parent_json(spec)},
          {"rootSessionId", spec.root.empty() ? spec.id : spec.root},
          {"user", spec.user},
          {"initiator", principal_json(spec.initiator)},
          {"requestInput", spec.request_input},
          {"result", some(record.result, !record.result.empty())}};
}

std::int64_t AgentView::memory_bytes() const {
  auto const& record = parts_.record;
  if (record.pid <= 0) return 0;
  return parts_.services.terminals.use_of(static_cast<pid_t>(record.pid), record.mark).memory_bytes;
}

void AgentView::set_lifecycle_action(std::string action) {
  if (action == lifecycle_action_) return;
  lifecycle_action_at_ = action.empty() ? WallTime() : wall_now();
  lifecycle_action_ = std::move(action);
}

void AgentView::set_context_use(adapters::ContextUse const& use) {
  context_use_ = {{"utilization", use.utilization},
                  {"tokens", use.tokens},
                  {"window", use.window},
                  {"source", use.source},
                  {"confidence", use.confidence}};
  if (use.cost_usd) context_use_["costUsd"] = *use.cost_usd;
}

}  // namespace ar::daemon
