// The tool calls that the hooks PreToolUse, PostToolUse and PostToolUseFailure are about, and the outputs that change
// them, in the form of Claude Code, which programs of the provider `command` use too. Values only.
#pragma once
#include "adapters/tool_call.hpp"
#include "base/json.hpp"

#include <optional>
#include <string>

namespace ar::adapters {

/// Nothing: it is another hook.
std::optional<ToolCall> tool_call_of(std::string const& event, json const& payload);
ToolAnswer tool_answer_to(std::string const& event, json const& payload, ToolVerdict const& verdict);

}  // namespace ar::adapters
