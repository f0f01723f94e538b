// The control server's questions about the tool hooks.
#pragma once
#include "control/api/tool_hooks_api.hpp"
#include "daemon/config/config.hpp"
#include "daemon/tools/tool_hooks.hpp"

#include <string>

namespace ar::daemon {

class ToolHooksApi final : public control::ToolHooksApi {
 public:
  ToolHooksApi(Config const& config, ToolHooks& hooks) : config_(config), hooks_(hooks) {}

  awaitable<Result<control::ToolHookAdded>> add_tool_hook(json hook) override;
  awaitable<Result<json>> tool_hooks() override;
  awaitable<Result<json>> remove_tool_hook(std::string id) override;

 private:
  Config const& config_;
  ToolHooks& hooks_;
};

}  // namespace ar::daemon
