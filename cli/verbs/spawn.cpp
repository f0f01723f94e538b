#include "base/ids.hpp"
#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_status.hpp"
#include "cli/input.hpp"
#include "cli/text.hpp"

#include <filesystem>

namespace ar::cli {
namespace {

/// --worktree without a name; git knows no branch that is called so.
constexpr auto kOwnBranch = "-";

struct Spawn {
  std::optional<std::string> name, provider, cwd, model, effort, approval_mode, profile, label, prompt, system_prompt,
      idle_ttl, parent, provider_options;
  std::string worktree;
  std::vector<std::string> tags, capabilities, environment, arguments;
  bool no_input = false;
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

Result<int> spawn_agent(Context& context, Spawn const& options) {
  auto const spec = request_of(options);
  if (!spec) return spec.error();
  auto const api = context.api();
  if (!api) return api.error();
  // Starting a provider for the first time can take long on a busy machine.
  Call call{.method = "POST", .target = "/v1/agents", .body = to_text(*spec)};
  call.headers.emplace_back("Idempotency-Key", new_uuid());
  call.patience = milliseconds(120'000);
  auto const answer = (*api)->call(call);
  if (!answer) return answer.error();
  if (context.json_output()) {
    context.print_json(*answer);
    return exit_done;
  }
  auto const id = single_line(field(*answer, "id"));
  for (auto const& line : array(*answer, "projection"))
    if (field(line, "outcome") == "not possible")
      context.note("agent-runner: the profile's " + field(line, "field") + " is not possible: " + field(line, "how"));
  context.print("agent " + paint(id, Colour::bold, context.colour()) + ": " + single_line(field(*answer, "provider")) +
                ", " + single_line(field(*answer, "state")) + "\n");
  if (answer->contains("workspace"))
    context.print("  works in   " + single_line(field((*answer)["workspace"], "path")) + " on branch " +
                  single_line(field((*answer)["workspace"], "branch")) + "\n");
  context.print(context.hints("  watch it   agent-runner attach " + id + "\n"));
  context.print(context.hints("  ask it     agent-runner send " + id + " \"...\" --wait\n"));
  context.print(context.hints("  end it     agent-runner stop " + id + "\n"));
  return exit_done;
}

void add(Program& program) {
  auto const o = std::make_shared<Spawn>();
  program
      .verb("Agents", "spawn", "Start an agent",
            "spawn alice --provider claude --cwd ~/project --label reviewer --prompt \"Read README.md\"")
      .argument("NAME", o->name, "Its name; a free one is found when left out")
      .choice("--provider", o->provider, {"claude", "codex", "command"}, "Which program it is")
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
      .option("--idle-ttl", o->idle_ttl, "30m", "Suspend it when it has been idle that long")
      .option("--parent", o->parent, "AGENT", "The agent it belongs to", Words::agent)
      .rest(o->arguments, "ARGS", "the provider's own arguments; for the provider command, the command")
      .runs([o](Context& context) { return spawn_agent(context, *o); });
}
Family const family(10, add);

}  // namespace
}  // namespace ar::cli
