// The tool hooks, as they are registered.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

#include <string>

namespace ar::control {

struct ToolHookAdded {
  json hook;
  bool created = false;  ///< else it has taken the place of the one of its owner and name
};

/// io thread only.
class ToolHooksApi {
 public:
  virtual ~ToolHooksApi() = default;
  /// Errors: host_not_allowed, quota.
  virtual awaitable<Result<ToolHookAdded>> add_tool_hook(json hook) = 0;
  /// {hooks: [...]} in the order of registration.
  virtual awaitable<Result<json>> tool_hooks() = 0;
  /// {deleted}. Error: no_such_tool_hook.
  virtual awaitable<Result<json>> remove_tool_hook(std::string id) = 0;
};

}  // namespace ar::control
