// The configuration: as the file says it, and where the running daemon still has another.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/daemon_process.hpp"
#include "cli/exit_status.hpp"
#include "cli/text.hpp"

#include <map>

namespace ar::cli {
namespace {

constexpr char kAtStart[] = " (a change needs a restart)";
constexpr char kReload[] = "agent-runner config reload takes what needs no restart";
constexpr char kRestart[] = "agent-runner down, then agent-runner up, takes them (agents go on)";

Result<int> check(Context& context) {
  std::vector<std::string> arguments{"config", "check"};
  if (context.json_output()) arguments.emplace_back("--json");
  return become("agent-runnerd", arguments);
}

/// What the running daemon goes by, which read the file at its start; empty: none runs, or it does not say.
std::map<std::string, json> in_force(Context& context) {
  std::map<std::string, json> values;
  auto const running = context.running_api();
  auto const answer = running ? (*running)->get("/v1/config", milliseconds(5000)) : Result<json>(running.error());
  if (!answer) return values;
  for (auto const& setting : array(*answer, "settings"))
    if (setting.contains("value")) values[field(setting, "key")] = setting["value"];
  return values;
}

Result<int> show(Context& context) {
  int code = 0;
  auto const output = output_of("agent-runnerd", {"config", "show", "--json"}, code);
  if (!output) return output.error();
  auto answer = parse_object(*output);
  if (!answer)
    return internal("bad_answer", "agent-runnerd did not say what the configuration is; is it this version?");
  if (!truth_at(*answer, "ok")) {
    if (context.json_output())
      context.print_json(*answer);
    else
      context.print_error(invalid(field(*answer, "field"), field(*answer, "error")));
    return exit_failed;
  }
  auto const running = in_force(context);
  int changed = 0, live = 0;
  for (auto& setting : (*answer)["settings"]) {
    auto const now = running.find(field(setting, "key"));
    bool const differs = !running.empty() && (now == running.end() || now->second != setting["value"]);
    if (differs) setting["inForce"] = now == running.end() ? json() : now->second;
    changed += differs ? 1 : 0;
    bool const is_live = !setting.contains("live") || truth_at(setting, "live");
    live += differs && is_live ? 1 : 0;
    if (context.json_output()) continue;
    context.print(field(setting, "key") + " = " + to_text(setting["value"]) + "   # " + field(setting, "origin") +
                  "; " + field(setting, "help") + (is_live ? "" : kAtStart) + "\n");
    if (differs)
      context.print(paint("  # changed since the daemon's start, which goes by " + to_text(setting["inForce"]),
                          Colour::yellow, context.colour()) +
                    "\n");
  }
  if (context.json_output()) context.print_json(*answer);
  if (changed)
    context.note("agent-runner: " + std::to_string(changed) + (changed == 1 ? " value is" : " values are") +
                 " not in force yet; " + (live > 0 ? kReload : "") +
                 (live > 0 && live < changed ? "; for the others, " : "") + (live < changed ? kRestart : ""));
  return exit_done;
}

Result<int> reload(Context& context) {
  auto const api = context.running_api();
  if (!api) return api.error();
  auto const answer = (*api)->post("/v1/config/reload", json::object(), milliseconds(30'000));
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  auto const shown = [](json const& value) { return value.is_null() ? std::string("(not set)") : to_text(value); };
  auto const value_of = [](json const& entry, char const* name) {
    return entry.contains(name) ? entry.at(name) : json();
  };
  auto const changed = array(*answer, "changed"), restart = array(*answer, "restart");
  for (auto const& entry : changed) {
    auto const before = value_of(entry, "before"), now = value_of(entry, "value");
    bool const hidden = before.is_null() && now.is_null();  // what is not shown
    context.print(field(entry, "key") +
                  (hidden ? std::string(" has changed") : " = " + shown(now) + "   # was " + shown(before)) + "\n");
  }
  for (auto const& entry : restart)
    context.print(field(entry, "key") + " = " + shown(value_of(entry, "value")) +
                  "   # needs a restart; the daemon goes by " + shown(value_of(entry, "inForce")) + "\n");
  if (changed.empty() && restart.empty()) context.note("agent-runner: nothing has changed");
  if (!restart.empty())
    context.note("agent-runner: " + std::to_string(restart.size()) +
                 (restart.size() == 1 ? " value needs" : " values need") + " a restart; " + kRestart);
  return exit_done;
}

void add(Program& program) {
  auto configuration = program.verb("More", "config", "The configuration", "config show");
  configuration.people_only();
  configuration.command("check", "Is it right? Says file, line and column where not", "config check").runs(check);
  configuration.command("show", "Every value, where it came from, and what is not in force yet", "config show")
      .runs(show);
  configuration
      .command("reload", "The running daemon reads it again; says what is in force now, and what needs a restart",
               "config reload")
      .runs(reload);
}
Family const family(50, add);

}  // namespace
}  // namespace ar::cli
