// Commands from the bus (spec 1.5): each runs as accepted, running, then succeeded or failed. A daemon in which one
// process supervises many agents gives each its own runner id: the agent's id.
#include "daemon/agent.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace ar::daemon {
namespace {

/// The bus's command and the action it is here; commands that end the agent also take it off the bus.
struct Known {
  std::string_view type;
  char const* action;
  bool leaves_bus = false;
};
constexpr std::string_view kPermissionDecision = "agent.permissionDecision";
constexpr std::array<Known, 7> kKnown = {{{"agent.shutdown", "stop", true},
                                          {"agent.kill", "kill", true},
                                          {"agent.restart", "restart"},
                                          {"agent.reconnect", "reconnect"},
                                          {"agent.compact", "compact"},
                                          {"agent.clearContext", "clear"},
                                          {"agent.injectContext", "inject"}}};

}  // namespace

void Agent::take_command(relay::Command const& command) {
  if (command.status == relay::CommandStatus::running) return;  // cut off by a restart of the daemon; it expires
  if (!commands_.insert(command.id).second) return;
  tasks_.spawn("command", run_command(command));
}

awaitable<void> Agent::run_command(relay::Command command) {
  auto& bus = services_.bus;
  auto const work_id = std::to_string(command.id);
  work_.start({"command", work_id, command.type});
  publish();
  json result = {{"action", command.type},
                 {"agentId", spec_.id},
                 {"runnerId", spec_.id},
                 {"policyName", spec_.policy_name},
                 {"spawnRequestId", spec_.spawn_request_id},
                 {"reason", command.params.value("reason", "")}};
  json const none = json::object();
  auto accepted = co_await bus.update_command(command.id, relay::CommandStatus::accepted, none);
  if (accepted) accepted = co_await bus.update_command(command.id, relay::CommandStatus::running, none);
  if (accepted) {
    services_.events.append(spec_.id, "command.running", {{"command", command.id}, {"type", command.type}});
    auto status = relay::CommandStatus::failed;
    auto done = co_await carry_out(command);
    if (done) {
      status = relay::CommandStatus::succeeded;
      result["providerResult"] = std::move(*done);
    } else {
      result["error"] = done.error().message;
      result["code"] = done.error().code;
    }
    services_.events.append(spec_.id, "command.ended",
                            {{"command", command.id}, {"type", command.type}, {"status", to_string(status)}});
    json const outcome = {{status == relay::CommandStatus::succeeded ? "result" : "error", result}};
    (void)co_await bus.update_command(command.id, status, outcome);
  }
  work_.finish("command", work_id);
  commands_.erase(command.id);
  publish();
}

/// What the provider made of it.
awaitable<Result<json>> Agent::carry_out(relay::Command const& command) {
  if (command.type == kPermissionDecision) {
    json params = command.params;
    auto const given = params.value("approvalId", json());
    auto const text = given.is_string() ? given.get<std::string>() : to_text(given);
    std::int64_t id = 0;
    auto const [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (ec != std::errc() || end != text.data() + text.size() || id < 1)
      co_return invalid("approvalId", "approvalId must be the number of an approval");
    params.erase("approvalId");
    Decider decider{"bus", "command " + std::to_string(command.id)};
    co_return co_await services_.approvals.decide(id, std::move(params), std::move(decider), spec_.id);
  }
  Known const* known = nullptr;
  for (auto const& candidate : kKnown)
    if (candidate.type == command.type) known = &candidate;
  if (!known) co_return not_found("unknown_command", "this daemon does not know the command " + command.type);
  auto done = co_await act(known->action, command.params);
  if (!done) co_return done.error();
  if (known->leaves_bus) (void)co_await services_.bus.remove_agent(spec_.id);
  json state = {{"state", to_string(state_)}};
  co_return ok(std::string_view(known->action) == "inject" ? std::move(*done) : std::move(state));
}

}  // namespace ar::daemon
