// Tool hooks for Codex: the hooks that it runs for us, the calls that they are about, and the outputs that change them.
// Their form is that of Claude Code's, with other rules. Values only.
#pragma once
#include "adapters/adapter.hpp"
#include "base/json.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ar::adapters::codex {

/// KEY=VALUE for the app server's -c.
std::vector<std::string> tool_hook_overrides(LaunchRequest const& request);
/// Codex runs a hook only once it is trusted. The thread's configuration that trusts ours, by their hashes in what
/// hooks/list has told, and no others; `alone`: turns the others off.
json tool_hook_trust(LaunchRequest const& request, json const& listed, bool alone);

/// Nothing: it is another hook.
std::optional<ToolCall> tool_call_of(std::string const& event, json const& payload);
ToolAnswer tool_answer_to(std::string const& event, json const& payload, ToolVerdict const& verdict);

}  // namespace ar::adapters::codex
