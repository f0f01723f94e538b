// Commands from the bus (spec 1.5): each runs as accepted, running, then succeeded or failed. A daemon in which one
// process supervises many agents gives each its own runner id: the agent's id.
#include "daemon/agent/agent.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr std::size_t kCommandsKept = 10'000;
constexpr milliseconds kFirstRepeat = 1s, kLastRepeat = 30s;  ///< of what an absent bus has not heard

/// The bus's command and the action it is here.
struct Known {
  std::string_view type;
  char const* action;
  bool leaves_bus = false;  ///< the agent's end takes it off the bus
  bool repeatable = false;  ///< carried out again when a daemon's end cut it off: the outcome is the same
};
constexpr std::string_view kPermissionDecision = "agent.permissionDecision";
constexpr std::array<Known, 7> kKnown = {{{"agent.shutdown", "stop", true, true},
                                          {"agent.kill", "kill", true, true},
                                          {"agent.restart", "restart"},
                                          {"agent.reconnect", "reconnect", false, true},
                                          {"agent.compact", "compact"},
                                          {"agent.clearContext", "clear"},
                                          {"agent.injectContext", "inject"}}};

/// Whose the numbers of commands are.
std::string command_store(relay::Bus const& bus) {
  auto const& store = bus.store();
  return store.commands.empty() ? store.id : store.commands;
}

}  // namespace

void Agent::take_command(Command const& command) {
  auto const store = command_store(services_.bus);
  auto const before = std::exchange(commands_of_, store);
  if (before != store && before != services_.bus.store().formerly) commands_.clear();
  if (!commands_.insert(command.id).second) return;
  if (commands_.size() > kCommandsKept) commands_.erase(commands_.begin());  // long over
  tasks_.spawn("command", run_command(command, store));
}

awaitable<void> Agent::run_command(Command command, std::string store) {
  // Of an earlier daemon, which ended in the midst of it.
  bool const cut_off = command.status == CommandStatus::running;
  auto const work_id = std::to_string(command.id);
  work_.start({"command", work_id, command.type});
  publish();
  auto told = cut_off;
  if (!told) told = co_await tell_command(command.id, store, CommandStatus::accepted, json::object());
  if (told && !cut_off) told = co_await tell_command(command.id, store, CommandStatus::running, json::object());
  if (told) {
    services_.events.append(spec_.id, "command.running", {{"command", command.id}, {"type", command.type}});
    auto carried_out = carry_out(command, cut_off);
    Result<json> fault = internal("bug", "a fault of agent-runner's; see its log");
    auto const done =
        co_await guarded("agent " + spec_.id + ": " + command.type, std::move(carried_out), std::move(fault));
    auto const status = done ? CommandStatus::succeeded : CommandStatus::failed;
    json result = {{"action", command.type},
                   {"agentId", spec_.id},
                   {"runnerId", spec_.id},
                   {"policyName", spec_.policy_name},
                   {"spawnRequestId", spec_.spawn_request_id},
                   {"reason", text_at(command.params, "reason")}};
    if (done) {
      result["providerResult"] = *done;
    } else {
      result["error"] = done.error().message;
      result["code"] = done.error().code;
    }
    services_.events.append(spec_.id, "command.ended",
                            {{"command", command.id}, {"type", command.type}, {"status", to_string(status)}});
    json const outcome = {{done ? "result" : "error", result}};
    (void)co_await tell_command(command.id, store, status, outcome);
  }
  // Its id stays among those taken: a list of open commands that was asked for before may still name it.
  work_.finish("command", work_id);
  publish();
}

awaitable<Result<json>> Agent::carry_out(Command const& command, bool cut_off) {
  if (command.type == kPermissionDecision) co_return co_await decide(command);
  auto const known = std::ranges::find(kKnown, command.type, &Known::type);
  if (known == kKnown.end())
    co_return invalid("type", "this daemon does not know the command " + command.type + "; it knows agent.shutdown, " +
                                  "agent.kill, agent.restart, agent.reconnect, agent.compact, agent.clearContext, " +
                                  "agent.injectContext and agent.permissionDecision");
  if (cut_off && !known->repeatable)
    co_return unavailable("interrupted", "the daemon ended while it carried out " + command.type + " for agent " +
                                             spec_.id + "; see `agent-runner events " + spec_.id +
                                             "` for what became of it, and send it again if it is still wanted");
  auto done = co_await act(known->action, command.params);
  if (!done) co_return done.error();
  if (known->leaves_bus) {
    left_bus_ = true;
    co_await leave_bus();
  }
  if (known->action == std::string_view("inject")) co_return done;
  json state = {{"state", to_string(state_)}};
  co_return ok(std::move(state));
}

awaitable<Result<json>> Agent::decide(Command const& command) {
  json params = command.params;
  auto const given = params.value("approvalId", json());
  auto const text = given.is_string() ? given.get<std::string>() : to_text(given);
  std::int64_t id = 0;
  auto const [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (ec != std::errc() || end != text.data() + text.size() || id < 1)
    co_return invalid("approvalId", "approvalId must be the number of an approval");
  params.erase("approvalId");
  auto const by = "command " + std::to_string(command.id);
  Decider decider{"bus", by};
  auto decided = co_await services_.approvals.decide(id, std::move(params), std::move(decider), spec_.id);
  if (decided || decided.error().code != "already_decided") co_return decided;
  // By this very command, perhaps, before a daemon's end cut it off.
  auto record = co_await services_.approvals.show(id);
  if (record && record->value("by", "") == by) co_return record;
  co_return decided;
}

/// Until the bus has heard it, or it has been started again.
awaitable<void> Agent::leave_bus() {
  for (auto wait = kFirstRepeat; is_at_rest(state_); wait = std::min(wait * 2, kLastRepeat)) {
    auto const left = co_await services_.bus.remove_agent(spec_.id);
    if (left || !is_transient(left.error())) co_return;
    bool const slept = co_await sleep_for(wait);
    if (!slept) co_return;
  }
}

/// Until the bus has heard it; false: it refuses (the command has expired, or ended otherwise), or it has another
/// store, where that number is another command's.
awaitable<bool> Agent::tell_command(std::int64_t id, std::string store, CommandStatus status, json detail) {
  for (auto wait = kFirstRepeat;; wait = std::min(wait * 2, kLastRepeat)) {
    if (command_store(services_.bus) != store) co_return false;
    auto const told = co_await services_.bus.update_command(id, status, detail);
    if (told || !is_transient(told.error())) co_return told.has_value();
    bool const slept = co_await sleep_for(wait);
    if (!slept) co_return false;
  }
}

}  // namespace ar::daemon
