#include "base/ids.hpp"
#include "cli/agent_options.hpp"
#include "cli/agent_wait.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/schedule_options.hpp"
#include "cli/text.hpp"

#include <chrono>

namespace ar::cli {
namespace {

constexpr milliseconds kReadyPatience = std::chrono::minutes(1);

struct Spawn : AgentOptions, ScheduleOptions {
  std::optional<std::string> timeout;
  bool no_wait = false;
};

void print_spawned(Context const& context, json const& agent) {
  auto const id = single_line(field(agent, "id"));
  for (auto const& line : array(agent, "projection"))
    if (field(line, "outcome") == "not possible")
      context.note("agent-runner: the profile's " + field(line, "field") + " is not possible: " + field(line, "how"));
  context.print("agent " + paint(id, Colour::bold, context.colour()) + ": " + single_line(field(agent, "provider")) +
                ", " + single_line(field(agent, "state")) + "\n");
  if (agent.contains("workspace"))
    context.print("  works in   " + single_line(field(agent["workspace"], "path")) + " on branch " +
                  single_line(field(agent["workspace"], "branch")) + "\n");
  context.print(context.hints("  watch it   agent-runner attach " + id + "\n"));
  context.print(context.hints("  ask it     agent-runner send " + id + " \"...\" --wait\n"));
  context.print(context.hints("  end it     agent-runner stop " + id + "\n"));
}

Result<int> spawn_agent(Context& context, Spawn const& options) {
  milliseconds patience = kReadyPatience;
  if (options.timeout) {
    auto const given = parse_duration(*options.timeout);
    if (!given) return invalid("--timeout", given.error().message);
    patience = *given;
  }
  auto const spec = specification_of(options, context.inside_agent());
  if (!spec) return spec.error();
  auto const scheduled = is_scheduled(options);
  if (!scheduled) return scheduled.error();
  if (*scheduled) return add_schedule(context, options, "agent", *spec);
  auto const api = context.api();
  if (!api) return api.error();
  // Starting a provider for the first time can take long on a busy machine.
  Call call{.method = "POST", .target = "/v1/agents", .body = to_text(*spec)};
  call.headers.emplace_back("Idempotency-Key", new_uuid());
  call.patience = milliseconds(120'000);
  auto answer = (*api)->call(call);
  if (!answer) return answer.error();
  auto const ready = options.no_wait ? Result<void>() : wait_until_ready(context, **api, *answer, patience);
  if (context.json_output()) context.print_json(*answer);
  if (!ready) return ready.error();
  if (!context.json_output()) print_spawned(context, *answer);
  return exit_done;
}

void add(Program& program) {
  auto const o = std::make_shared<Spawn>();
  auto verb =
      program.verb("Agents", "spawn", "Start an agent, and wait until it is ready",
                   "spawn alice --provider claude --cwd ~/project --label reviewer --prompt \"Read README.md\"");
  verb.argument("NAME", o->name, "Its name; a free one is found when left out");
  add_agent_options(verb, *o);
  verb.option("--prompt", o->prompt, "TEXT|-", "Its first prompt")
      .flag("--no-wait", o->no_wait, "Return at once, not when it is ready or has failed")
      .option("--timeout", o->timeout, "1m", "How long to wait until it is ready");
  add_schedule_options(verb, *o);
  verb.runs([o](Context& context) { return spawn_agent(context, *o); });
}
Family const family(10, add);

}  // namespace
}  // namespace ar::cli
