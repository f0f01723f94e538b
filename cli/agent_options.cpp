#include "cli/agent_options.hpp"

#include "base/unicode.hpp"
#include "cli/input.hpp"
#include "cli/text.hpp"
#include "model/provider.hpp"

#include <filesystem>

namespace ar::cli {
namespace {

/// --worktree without a name; git knows no branch that is called so.
constexpr auto kOwnBranch = "-";

}  // namespace

void add_agent_options(Command& verb, AgentOptions& into) {
  verb.choice("--provider", into.provider, provider_names(), "Which program it is")
      .option("--cwd", into.cwd, "DIR", "Where it works (default: here)", Words::directory)
      .option("--model", into.model, "MODEL", "The provider's model")
      .option("--effort", into.effort, "EFFORT", "The model's effort")
      .option("--approval-mode", into.approval_mode, "MODE",
              "read-only, guarded, auto, full, or the provider's own name", Words::approval_mode)
      .option("--profile", into.profile, "NAME", "A profile of the configuration: what it may see, and what it gets",
              Words::profile)
      .option("--skill", into.skills, "NAME|ID|DIR", "A skill besides its profile's: one that is kept, or ./a/folder",
              Words::directory)
      .flag_or_value("--worktree", into.worktree, kOwnBranch, "BRANCH",
                     "Give it a git worktree and branch of its own (agent-runner/NAME unless named)")
      .option("--label", into.label, "LABEL", "Reached by messages to label:LABEL")
      .option("--tag", into.tags, "TAG", "Reached by messages to tag:TAG")
      .option("--cap", into.capabilities, "CAP", "Reached by messages to cap:CAP")
      .option("--append-system-prompt", into.system_prompt, "TEXT", "Added to the provider's system prompt")
      .option("--env", into.environment, "NAME=VALUE", "Its environment")
      .option("--output-dir", into.output_dirs, "DIR",
              "Keep the files that it makes there, after each turn (agent-runner outputs); relative to --cwd",
              Words::directory)
      .option("--options", into.provider_options, "JSON",
              "Overrides of [providers.NAME] for this agent, as a JSON object")
      .flag("--no-input", into.no_input,
            "Nobody is there to ask: its permission requests and questions are denied at once")
      .option("--idle-ttl", into.idle_ttl, "30m", "Suspend it when it has been idle that long and nothing of it runs")
      .option("--parent", into.parent, "AGENT", "The agent it belongs to", Words::agent)
      .rest(into.arguments, "ARGS", "the provider's own arguments; for the provider command, the command");
}

Result<json> specification_of(AgentOptions const& options) {
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
  for (auto const& skill : options.skills) {
    bool const is_folder = skill.find('/') != std::string::npos;
    auto const folder = is_folder ? std::filesystem::absolute(skill, ec).lexically_normal().string() : skill;
    spec["skills"].push_back(folder);
  }
  auto const cwd = std::filesystem::absolute(options.cwd.value_or("."), ec);
  if (ec) return invalid("--cwd", "the present directory is gone; name one with --cwd");
  spec["cwd"] = cwd.lexically_normal().string();
  std::vector<std::string> output_dirs;
  for (auto const& dir : options.output_dirs) output_dirs.push_back((cwd / dir).lexically_normal().string());
  set_if(spec, "outputDirs", output_dirs);
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

}  // namespace ar::cli
