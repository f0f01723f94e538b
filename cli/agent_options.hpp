// What a person says of an agent that is to be: shared by the verbs that make one.
#pragma once
#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/command.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ar::cli {

struct AgentOptions {
  std::optional<std::string> name, provider, cwd, model, effort, approval_mode, profile, label, prompt, system_prompt,
      idle_ttl, parent, call, max_depth, max_children, provider_options, memory_max, memory_high, cpu_quota, tasks_max;
  std::string worktree;
  std::vector<std::string> tags, capabilities, skills, environment, output_dirs, arguments;
  bool no_input = false, detached = false, report_end = false, children = false;
};

/// Adds them to a verb; `into` must outlive it.
void add_agent_options(Command& verb, AgentOptions& into);
/// An agent's specification, as the control server takes it. Of a child that an agent spawns: without the folder, which
/// is its parent's.
Result<json> specification_of(AgentOptions const& options, bool inside_agent);

}  // namespace ar::cli
