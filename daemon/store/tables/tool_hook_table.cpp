#include "daemon/store/tables/tool_hook_table.hpp"

#include "base/read_json.hpp"

namespace ar::daemon {
namespace {

/// Of a damaged list nothing is known: then it is asked about all tools.
std::vector<std::string> tools_in(std::string const& list) {
  auto const read = [](json const& value) { return value.get<std::vector<std::string>>(); };
  return maybe_json(list, read).value_or(std::vector<std::string>());
}

}  // namespace

std::vector<ToolHook> ToolHookTable::all() const {
  std::vector<ToolHook> found;
  auto& rows = db_.prepare(
                      "SELECT id, owner, name, after, tools, callback_url, closed, timeout_ms, created_at "
                      "FROM tool_hooks ORDER BY position")
                   .bind();
  while (rows.step())
    found.push_back({rows.text(0), rows.text(1), rows.text(2), rows.integer(3) != 0, tools_in(rows.text(4)),
                     rows.text(5), rows.integer(6) != 0, milliseconds(rows.integer(7)), from_millis(rows.integer(8))});
  return found;
}

void ToolHookTable::put_all(std::vector<ToolHook> const& hooks) {
  db_.prepare("DELETE FROM tool_hooks").bind().run();
  std::int64_t position = 0;
  for (auto const& hook : hooks)
    db_.prepare(
           "INSERT INTO tool_hooks(position, id, owner, name, after, tools, callback_url, closed, timeout_ms, "
           "created_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
        .bind(++position, hook.id, hook.owner, hook.name, hook.after, json(hook.tools).dump(), hook.callback_url,
              hook.closed, hook.timeout.count(), to_millis(hook.created_at))
        .run();
}

}  // namespace ar::daemon
