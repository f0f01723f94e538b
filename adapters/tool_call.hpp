// A tool call as its provider tells of it in a hook, and what others have made of it.
#pragma once
#include "base/json.hpp"

#include <optional>
#include <string>

namespace ar::adapters {

struct ToolResult {
  std::string text;
  bool is_error = false;
};

struct ToolCall {
  bool after = false;  ///< it has run, and has a result; else it is about to run
  std::string id;
  std::string name;  ///< in the provider's words: Bash, mcp__github__get_issue
  json input = json::object();
  ToolResult result{};
};

/// Nothing set: it goes on as it is.
struct ToolVerdict {
  std::optional<ToolResult> denied{};  ///< before: it does not run
  std::optional<json> input{};         ///< before: it runs with this, an object
  std::optional<ToolResult> result{};  ///< after: stands in the result's place
  std::string context{};               ///< after: told to the model beside the result
};

/// What the provider's hook is to print, and what of the verdict that cannot bring about, for people.
struct ToolAnswer {
  json output = json::object();
  std::string shortfall{};
};

}  // namespace ar::adapters
