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

/// Whose child it is, and what it may have itself.
Result<void> add_relations(AgentOptions const& options, json& spec) {
  set_if(spec, "parent", options.parent);
  if (options.call) {
    spec["parent"] = {{"callId", *options.call}};
    if (options.parent) spec["parent"]["sessionId"] = *options.parent;
  }
  if (options.report_end) spec["reportEnd"] = true;
  if (options.detached) spec["detached"] = true;
  if (options.children) spec["children"]["spawn"] = true;
  for (auto const& [option, name, text] : {std::tuple{"--max-depth", "maxDepth", &options.max_depth},
                                           std::tuple{"--max-children", "maxChildren", &options.max_children}}) {
    if (!*text) continue;
    if (!options.children) return invalid(option, std::string(option) + " is for an agent with --children");
    auto const number = number_input(option, **text);
    if (!number) return number.error();
    spec["children"][name] = *number;
  }
  return {};
}

/// What it may use; the daemon reads the sizes.
Result<void> add_resources(AgentOptions const& options, json& spec) {
  json limits = json::object();
  set_if(limits, "memoryMax", options.memory_max);
  set_if(limits, "memoryHigh", options.memory_high);
  set_if(limits, "cpuQuota", options.cpu_quota);
  if (options.tasks_max) {
    auto const tasks = number_input("--tasks-max", *options.tasks_max);
    if (!tasks) return tasks.error();
    limits["tasksMax"] = *tasks;
  }
  if (!limits.empty()) spec["resources"] = std::move(limits);
  return {};
}

}  // namespace

void add_agent_options(Command& verb, AgentOptions& into) {
  verb.option("--provider", into.provider, "NAME", "Which program it is: " + provider_names_in_words(), Words::provider)
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
      .option("--memory-max", into.memory_max, "4G", "Memory that it and all that it starts may use; 0: no limit")
      .option("--memory-high", into.memory_high, "3G", "Memory above which they are slowed down; 0: none")
      .option("--cpu-quota", into.cpu_quota, "150%", "Share of one processor that they may use; 0: no limit")
      .option("--tasks-max", into.tasks_max, "N", "Processes and threads that they may have; 0: no limit")
      .option("--parent", into.parent, "AGENT", "Whose child it is: ends with it, and asks through it", Words::agent)
      .option("--call", into.call, "ID", "The parent's call that it answers: the parent is told what comes of it")
      .flag("--report-end", into.report_end, "Its parent is told, by a message, what comes of its first prompt")
      .flag("--detached", into.detached, "It goes on when its parent is stopped")
      .flag("--children", into.children, "It may spawn children itself, with no more rights than its own")
      .option("--max-depth", into.max_depth, "N", "So many generations below it (default: as configured)")
      .option("--max-children", into.max_children, "N", "So many descendants at a time (default: as configured)")
      .rest(into.arguments, "ARGS", "the provider's own arguments; for the provider command, the command");
}

Result<json> specification_of(AgentOptions const& options, bool inside_agent) {
  json spec = json::object();
  set_if(spec, "id", options.name);
  set_if(spec, "provider", options.provider);
  set_if(spec, "model", options.model);
  set_if(spec, "effort", options.effort);
  set_if(spec, "approvalMode", options.approval_mode);
  set_if(spec, "profile", options.profile);
  set_if(spec, "label", options.label);
  set_if(spec, "systemPromptAppend", options.system_prompt);
  if (auto related = add_relations(options, spec); !related) return related.error();
  if (auto limited = add_resources(options, spec); !limited) return limited.error();
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
  if (options.cwd || !inside_agent) spec["cwd"] = cwd.lexically_normal().string();
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
