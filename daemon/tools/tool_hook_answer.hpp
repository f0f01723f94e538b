// What a tool hook answers: {} lets the call go on as it is.
#pragma once
#include "adapters/tool_call.hpp"
#include "base/error.hpp"

#include <string_view>

namespace ar::daemon {

/// Before: {deny: {text, is_error?}} or {input}. After: {result: {text, is_error?}, context}. An empty body is {}, null
/// is as good as absent. Error: what it is instead, for people; a field that is not known too, since a misspelt denial
/// must not let the call pass.
Result<adapters::ToolVerdict> read_tool_hook_answer(std::string_view body, bool after);

}  // namespace ar::daemon
