// The runtime as a whole: its pause.
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/runtime_view.hpp"
#include "cli/text.hpp"

#include <optional>

namespace ar::cli {
namespace {

struct Pause {
  std::optional<std::string> timeout{}, reason{};
  bool force = false;
};

/// Beyond the grace: for interrupted turns to end.
constexpr milliseconds kPausePatience{60'000};
constexpr milliseconds kUsualGrace{30'000};

std::string names(json const& agents) {
  std::string list;
  for (auto const& agent : agents)
    if (agent.is_string()) list += (list.empty() ? "" : ", ") + single_line(agent.get<std::string>());
  return list;
}

Result<int> pause(Context& context, Pause const& options) {
  json body = {{"force", options.force}};
  auto grace = kUsualGrace;
  if (options.timeout) {
    auto const given = parse_duration(*options.timeout);
    if (!given) return given.error();
    grace = *given;
    body["timeoutMs"] = grace.count();
  }
  if (options.reason) body["reason"] = *options.reason;
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->post("/v1/runtime/pause", body, grace + kPausePatience);
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  if (field(*answer, "state") == "running") {
    context.note("agent-runner: somebody has resumed meanwhile; the runtime runs");
    return exit_done;
  }
  auto const running = names(array(*answer, "running"));
  context.print("paused after " + duration(milliseconds(number(*answer, "ms"))) +
                (running.empty() ? "; no turn runs" : "; turns still run: " + running) + "\n");
  return exit_done;
}

int show(Context& context, json const& runtime) {
  if (context.json_output()) {
    context.print_json(runtime);
    return exit_done;
  }
  context.print(runtime_text(runtime) + "\n");
  auto const& runs = array(runtime, "pausedRuns");
  if (runs.empty()) return exit_done;
  Table table({{"AGENT", false, 32}, {"TURN", true}, {"OUTCOME"}});
  for (auto const& run : runs)
    table.add({{field(run, "agent"), Colour::bold}, std::to_string(number(run, "turn")), field(run, "outcome")});
  context.print(table);
  return exit_done;
}

Result<int> resume(Context& context) {
  auto const api = context.api();
  if (!api) return api.error();
  auto const answer = (*api)->post("/v1/runtime/resume", json::object());
  if (!answer) return answer.error();
  return show(context, *answer);
}

Result<int> status(Context& context) {
  auto const api = context.running_api();
  if (!api) return api.error();
  auto const answer = (*api)->get("/v1/runtime");
  if (!answer) return answer.error();
  return show(context, *answer);
}

void add(Program& program) {
  auto runtime =
      program.verb("Daemon", "runtime", "Pause all agents' work, and let it go on", "runtime pause --timeout 5m");
  auto const o = std::make_shared<Pause>();
  runtime
      .command("pause", "Hand nothing new to any agent; processes and messages stay, over restarts of the daemon too",
               "runtime pause --timeout 2m --reason \"a reboot\"")
      .option("--timeout", o->timeout, "TIME", "How long running turns may take to end (30s unless given, at most 5m)")
      .flag("--force", o->force, "Then interrupt those that still run")
      .option("--reason", o->reason, "TEXT", "What for; ps and held messages show it")
      .runs([o](Context& context) { return pause(context, *o); });
  runtime.command("resume", "Give agents work again, what has waited first", "runtime resume").runs(resume);
  runtime.command("status", "Whether it is paused, since when, and which turns that has met", "runtime status --json")
      .runs(status);
}
Family const family(2, add);

}  // namespace
}  // namespace ar::cli
