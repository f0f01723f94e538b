#include "daemon/api/tool_hooks_api.hpp"

#include "daemon/tools/hook_target.hpp"

namespace ar::daemon {

awaitable<Result<control::ToolHookAdded>> ToolHooksApi::add_tool_hook(json hook) {
  auto wanted = read_tool_hook(hook);
  if (!wanted) co_return wanted.error();
  auto const target = read_hook_target(wanted->callback_url);
  if (!target) co_return target.error();
  if (auto const allowed = check_host(target->endpoint.host, config_.tool_hook_hosts); !allowed)
    co_return allowed.error();
  auto const added = co_await hooks_.add(std::move(*wanted));
  if (!added) co_return added.error();
  co_return control::ToolHookAdded{to_json(added->hook), added->created};
}

awaitable<Result<json>> ToolHooksApi::tool_hooks() {
  json list = json::array();
  for (auto const& hook : hooks_.all()) list.push_back(to_json(hook));
  co_return ok({{"hooks", std::move(list)}});
}

awaitable<Result<json>> ToolHooksApi::remove_tool_hook(std::string id) {
  auto const removed = co_await hooks_.remove(id);
  if (!removed) co_return removed.error();
  co_return ok({{"deleted", id}});
}

}  // namespace ar::daemon
