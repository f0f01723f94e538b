#include "daemon/agent/bus_commands.hpp"

#include "base/read_json.hpp"
#include "daemon/agent/approvals.hpp"
#include "daemon/delivery/guarded.hpp"
#include "daemon/store/event_log.hpp"
#include "model/memory.hpp"
#include "relay/bus.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace ar::daemon {
using namespace std::chrono_literals;
namespace {

constexpr std::size_t kCommandsKept = 10'000;
constexpr int kAtOnce = 64;
constexpr milliseconds kFirstRepeat = 1s, kLastRepeat = 30s;  ///< of what an absent bus has not heard

constexpr std::string_view kPermissionDecision = "agent.permissionDecision";

std::string known_commands() {
  std::string list;
  for (auto const& row : verbs())
    if (!row.command.empty()) list += std::string(row.command) + ", ";
  return list.substr(0, list.size() - 2) + " and " + std::string(kPermissionDecision);
}

/// What a verb is given of a command's parameters. Programs of other versions and makers send them: what is unknown, or
/// not as it should be, is left out, and a time that is too long is cut.
json parameters_of(Command const& command) {
  json taken = json::object();
  for (auto const* name : {"reason", "content"})
    if (auto text = text_at(command.params, name); !text.empty()) taken[name] = std::move(text);
  if (auto const timeout = integer_at(command.params, "timeoutMs"); timeout > 0)
    taken["timeoutMs"] = std::min(timeout, kMostTimeoutMs);
  // Beside a content they may be of another memory, whose text that is.
  for (auto const& id : command.params.value("memoryIds", json())) {
    bool const ours = id.is_string() && (!taken.contains("content") || read_memory_address(id.get<std::string>(), ""));
    if (ours) taken["memoryIds"].push_back(id);
  }
  return taken;
}

/// Whose the numbers of commands are.
std::string command_store(relay::Bus const& bus) {
  auto const& store = bus.store();
  return store.commands.empty() ? store.id : store.commands;
}

}  // namespace

BusCommands::BusCommands(Services& services, AgentSpec const& spec, TaskGroup& tasks, CommandHost& host)
    : services_(services), spec_(spec), tasks_(tasks), host_(host) {}

void BusCommands::take(Command const& command) {
  auto const store = command_store(services_.bus);
  auto const before = std::exchange(taken_of_, store);
  if (before != store && before != services_.bus.store().formerly) taken_.clear();
  if (taken_.contains(command.id)) return;
  if (under_way_ == kAtOnce) {
    left_some_ = true;
    return;
  }
  taken_.insert(command.id);
  if (taken_.size() > kCommandsKept) taken_.erase(taken_.begin());  // long over
  ++under_way_;
  tasks_.spawn("command", run(command, store));
}

awaitable<void> BusCommands::run(Command command, std::string store) {
  {
    struct UnderWay {
      int& count;
      ~UnderWay() { --count; }
    } const one{under_way_};
    co_await see_through(std::move(command), std::move(store));
  }
  if (std::exchange(left_some_, false)) (void)co_await host_.fetch_commands();
}

awaitable<void> BusCommands::see_through(Command command, std::string store) {
  // Of an earlier daemon, which ended in the midst of it.
  bool const cut_off = command.status == CommandStatus::running;
  auto const work_id = std::to_string(command.id);
  host_.work().start({"command", work_id, command.type});
  host_.work_changed();
  auto told = cut_off;
  if (!told) told = co_await tell(command.id, store, CommandStatus::accepted, json::object());
  if (told && !cut_off) told = co_await tell(command.id, store, CommandStatus::running, json::object());
  if (told) {
    services_.events.append(spec_.id, "command.running", {{"command", command.id}, {"type", command.type}});
    auto carried_out = carry_out(command, cut_off);
    Result<json> fault = internal("bug", "a fault of agent-runner's; see its log");
    auto const done =
        co_await guarded("agent " + spec_.id + ": " + command.type, std::move(carried_out), std::move(fault));
    auto const status = done ? CommandStatus::succeeded : CommandStatus::failed;
    json result = {
        {"action", command.type}, {"agentId", spec_.id}, {"runnerId", spec_.id}, {"state", to_string(host_.state())}};
    auto const add = [&](char const* name, std::string const& text) {
      if (!text.empty()) result[name] = text;
    };
    add("policyName", spec_.policy_name);
    add("spawnRequestId", spec_.spawn_request_id);
    add("reason", text_at(command.params, "reason"));
    if (done) {
      if (!done->is_null()) result["providerResult"] = *done;
    } else {
      result["error"] = done.error().message;
      result["code"] = done.error().code;
    }
    services_.events.append(spec_.id, "command.ended",
                            {{"command", command.id}, {"type", command.type}, {"status", to_string(status)}});
    json const outcome = {{done ? "result" : "error", result}};
    (void)co_await tell(command.id, store, status, outcome);
  }
  // Its id stays among those taken: a list of open commands that was asked for before may still name it.
  host_.work().finish("command", work_id);
  host_.work_changed();
}

awaitable<Result<json>> BusCommands::carry_out(Command const& command, bool cut_off) {
  if (command.type == kPermissionDecision) co_return co_await decide(command);
  auto const* const known = find_command(command.type);
  if (!known)
    co_return invalid("type",
                      "this daemon does not know the command " + command.type + "; it knows " + known_commands());
  if (cut_off && !known->repeatable)
    co_return unavailable("interrupted", "the daemon ended while it carried out " + command.type + " for agent " +
                                             spec_.id + "; see `agent-runner events " + spec_.id +
                                             "` for what became of it, and send it again if it is still wanted");
  auto done = co_await host_.act(std::string(known->name), parameters_of(command));
  if (!done) co_return done.error();
  if (known->leaves_bus) co_await host_.leave_bus();
  if (known->verb == Verb::inject) co_return done;
  co_return ok(nullptr);
}

awaitable<Result<json>> BusCommands::decide(Command const& command) {
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

/// Until the bus has heard it; false: it refuses (the command has expired, or ended otherwise), or it has another
/// store, where that number is another command's.
awaitable<bool> BusCommands::tell(std::int64_t id, std::string store, CommandStatus status, json detail) {
  for (auto wait = kFirstRepeat;; wait = std::min(wait * 2, kLastRepeat)) {
    if (command_store(services_.bus) != store) co_return false;
    auto const told = co_await services_.bus.update_command(id, status, detail);
    if (told || !is_transient(told.error())) co_return told.has_value();
    bool const slept = co_await sleep_for(wait);
    if (!slept) co_return false;
  }
}

}  // namespace ar::daemon
