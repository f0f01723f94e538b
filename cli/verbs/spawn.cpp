#include "base/ids.hpp"
#include "base/unicode.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/event_follower.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/text.hpp"
#include "model/provider.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace ar::cli {
namespace {

/// --worktree without a name; git knows no branch that is called so.
constexpr auto kOwnBranch = "-";
constexpr milliseconds kReadyPatience = std::chrono::minutes(1);
constexpr milliseconds kSilentPatience = std::chrono::seconds(3);  ///< then people are told what is waited for

struct Spawn {
  std::optional<std::string> name, provider, cwd, model, effort, approval_mode, profile, label, prompt, system_prompt,
      idle_ttl, parent, provider_options, timeout;
  std::string worktree;
  std::vector<std::string> tags, capabilities, environment, arguments;
  bool no_input = false, no_wait = false;
};

Result<json> request_of(Spawn const& options) {
  json spec = json::object();
  set_if(spec, "id", options.name);
  set_if(spec, "provider", options.provider);
  set_if(spec, "model", options.model);
  set_if(spec, "effort", options.effort);
  set_if(spec, "approvalMode", options.approval_mode);
  set_if(spec, "profile", options.profile);
  set_if(spec, "label", options.label);
  set_if(spec, "systemPromptAppend", options.system_prompt);
  set_if(spec, "parent", options.parent);
  if (options.no_input) spec["requestInput"] = false;
  set_if(spec, "tags", options.tags);
  set_if(spec, "capabilities", options.capabilities);
  set_if(spec, "providerArgs", options.arguments);
  if (options.provider_options) {
    auto overrides = parse_object(*options.provider_options);
    if (!overrides) return invalid("--options", "--options: " + overrides.error().message);
    spec["options"] = std::move(*overrides);
  }
  if (!options.worktree.empty()) {
    spec["workspace"] = {{"mode", "worktree"}};
    if (options.worktree != kOwnBranch) spec["workspace"]["branch"] = options.worktree;
  }
  if (options.prompt) {
    auto const prompt = text_input(*options.prompt);
    if (!prompt) return prompt.error();
    spec["prompt"] = *prompt;
  }
  std::error_code ec;
  auto const cwd = std::filesystem::absolute(options.cwd.value_or("."), ec);
  if (ec) return invalid("--cwd", "the present directory is gone; name one with --cwd");
  spec["cwd"] = cwd.lexically_normal().string();
  if (!options.environment.empty()) {
    auto variables = environment_input(options.environment);
    if (!variables) return variables.error();
    spec["env"] = std::move(*variables);
  }
  if (options.idle_ttl) {
    auto const ttl = parse_duration(*options.idle_ttl);
    if (!ttl) return invalid("--idle-ttl", ttl.error().message);
    spec["idleTtlMs"] = ttl->count();
  }
  for (auto const& [key, value] : spec.items())
    if (!is_utf8(value.dump(-1, ' ', false, json::error_handler_t::ignore))) return invalid(key, "is not UTF-8");
  return ok(std::move(spec));
}

/// Until it is ready, a person is needed, or it has failed: `agent` is as it stands then. An agent whose program ends
/// is started again for some seconds before it counts as failed.
Result<void> wait_until_ready(Context& context, ApiClient& api, json& agent, milliseconds patience) {
  using SteadyClock = std::chrono::steady_clock;
  auto const endpoint = context.endpoint();
  if (!endpoint) return endpoint.error();
  auto const id = field(agent, "id"), path = "/v1/agents/" + encoded(id);
  std::optional<EventFollower> events;
  auto const begun = SteadyClock::now(), deadline = begun + patience;
  for (bool told = false;;) {
    // A fresh client each time: the daemon may have been replaced while the events were followed.
    auto const seen = ApiClient(*endpoint).get(path);
    if (!seen && seen.error().kind != ErrorKind::unavailable) return seen.error();
    if (seen) agent = *seen;
    auto const state = field(agent, "state"), reason = field(agent, "reason");
    if (seen && (state == "idle" || state == "busy")) return {};
    if (seen && state == "waiting")
      return conflict("person_needed",
                      "agent " + id + " waits for a person: " + reason + "; agent-runner attach " + id);
    if (seen && (state == "failed" || state == "stopped" || state == "suspended"))
      return internal("start_failed",
                      "agent " + id + (state == "failed" ? " has failed: " : " is " + state + ": ") + reason);
    auto const left = std::chrono::ceil<milliseconds>(deadline - SteadyClock::now());
    if (left <= milliseconds(0))
      return timed_out("agent " + id + " is not ready after " + duration(patience) + ", but " + state +
                       (reason.empty() ? "" : " (" + reason + ")") + "; it goes on: agent-runner show " + id +
                       ", agent-runner screen " + id);
    if (!told && SteadyClock::now() - begun >= kSilentPatience) {
      told = true;
      context.note("agent-runner: waiting until " + single_line(id) + " is ready; look: agent-runner screen " +
                   single_line(id));
    }
    if (!events) {  // from before the next look: what changes in between is heard of
      auto const now = api.get(path + "/events?cursor=latest");
      if (!now) return now.error();
      events.emplace(*endpoint, path + "/events", field(*now, "nextCursor"));
      continue;
    }
    auto const event = events->next(told ? left : std::min(left, kSilentPatience));
    if (!event) return event.error();
  }
}

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
  auto const spec = request_of(options);
  if (!spec) return spec.error();
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
  program
      .verb("Agents", "spawn", "Start an agent, and wait until it is ready",
            "spawn alice --provider claude --cwd ~/project --label reviewer --prompt \"Read README.md\"")
      .argument("NAME", o->name, "Its name; a free one is found when left out")
      .choice("--provider", o->provider, provider_names(), "Which program it is")
      .option("--cwd", o->cwd, "DIR", "Where it works (default: here)", Words::directory)
      .option("--model", o->model, "MODEL", "The provider's model")
      .option("--effort", o->effort, "EFFORT", "The model's effort")
      .option("--approval-mode", o->approval_mode, "MODE", "read-only, guarded, auto, full, or the provider's own name",
              Words::approval_mode)
      .option("--profile", o->profile, "NAME", "A profile of the configuration: what it may see, and what it gets",
              Words::profile)
      .flag_or_value("--worktree", o->worktree, kOwnBranch, "BRANCH",
                     "Give it a git worktree and branch of its own (agent-runner/NAME unless named)")
      .option("--label", o->label, "LABEL", "Reached by messages to label:LABEL")
      .option("--tag", o->tags, "TAG", "Reached by messages to tag:TAG")
      .option("--cap", o->capabilities, "CAP", "Reached by messages to cap:CAP")
      .option("--prompt", o->prompt, "TEXT|-", "Its first prompt")
      .option("--append-system-prompt", o->system_prompt, "TEXT", "Added to the provider's system prompt")
      .option("--env", o->environment, "NAME=VALUE", "Its environment")
      .option("--options", o->provider_options, "JSON",
              "Overrides of [providers.NAME] for this agent, as a JSON object")
      .flag("--no-input", o->no_input,
            "Nobody is there to ask: its permission requests and questions are denied at once")
      .option("--idle-ttl", o->idle_ttl, "30m", "Suspend it when it has been idle that long and nothing of it runs")
      .flag("--no-wait", o->no_wait, "Return at once, not when it is ready or has failed")
      .option("--timeout", o->timeout, "1m", "How long to wait until it is ready")
      .option("--parent", o->parent, "AGENT", "The agent it belongs to", Words::agent)
      .rest(o->arguments, "ARGS", "the provider's own arguments; for the provider command, the command")
      .runs([o](Context& context) { return spawn_agent(context, *o); });
}
Family const family(10, add);

}  // namespace
}  // namespace ar::cli
