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
      idle_ttl, parent, provider_options;
  std::string worktree;
  std::vector<std::string> tags, capabilities, skills, environment, output_dirs, arguments;
  bool no_input = false;
};

/// Adds them to a verb; `into` must outlive it.
void add_agent_options(Command& verb, AgentOptions& into);
/// An agent's specification, as the control server takes it.
Result<json> specification_of(AgentOptions const& options);

}  // namespace ar::cli
