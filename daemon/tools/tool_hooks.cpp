#include "daemon/tools/tool_hooks.hpp"

#include "base/ids.hpp"
#include "base/paths.hpp"
#include "daemon/store/tables/tool_hook_table.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <set>

namespace ar::daemon {
namespace {

constexpr std::size_t kMostFileBytes = 4U << 20;

/// A line for each pattern: phase, failMode, pattern. Without hooks there is no file.
std::string lines_of(std::vector<ToolHook> const& hooks) {
  std::set<std::string> lines;
  for (auto const& hook : hooks) {
    auto const begin = std::string(hook.phase()) + " " + std::string(hook.fail_mode()) + " ";
    if (hook.tools.empty()) lines.insert(begin + "*\n");
    for (auto const& tool : hook.tools) lines.insert(begin + tool + "\n");
  }
  std::string all;
  for (auto const& line : lines) all += line;
  return all;
}

}  // namespace

ToolHooks::ToolHooks(Executor executor, Journal& journal, EventLog& events, WorkerPool& files,
                     std::filesystem::path file)
    : journal_(journal), events_(events), files_(files), file_(std::move(file)), changing_(std::move(executor)) {}

awaitable<Result<void>> ToolHooks::load() {
  auto query = [](Database& db) -> Result<std::vector<ToolHook>> { return ToolHookTable(db).all(); };
  auto known = co_await journal_.read(std::move(query));
  if (!known) co_return known.error();
  hooks_ = std::move(*known);
  co_return co_await write_file(hooks_);
}

awaitable<void> ToolHooks::restore_file() {
  auto const lock = co_await changing_.lock();
  co_await tell_hook_clients();
}

awaitable<void> ToolHooks::tell_hook_clients() {
  auto const written = co_await write_file(hooks_);
  if (!written) spdlog::error("the providers' hooks do not learn of the tool hooks: {}", written.error().message);
}

std::vector<ToolHook> ToolHooks::wanting(bool after, std::string_view tool) const {
  std::vector<ToolHook> found;
  std::ranges::copy_if(hooks_, std::back_inserter(found),
                       [&](ToolHook const& hook) { return hook.after == after && hook.wants(tool); });
  if (after) std::ranges::reverse(found);
  return found;
}

awaitable<Result<ToolHooks::Added>> ToolHooks::add(ToolHook hook) {
  auto const lock = co_await changing_.lock();
  hook.id = new_uuid();
  hook.created_at = wall_now();
  auto hooks = hooks_;
  auto const same = std::ranges::find_if(
      hooks, [&](ToolHook const& known) { return known.owner == hook.owner && known.name == hook.name; });
  bool const created = same == hooks.end();
  if (auto room = created ? check_room() : Result<void>(); !room) co_return room.error();
  if (created)
    hooks.push_back(hook);
  else
    *same = hook;
  auto const done = co_await put_in_force(std::move(hooks));
  if (!done) co_return done.error();
  announce("tool_hook.added", hook);
  co_return Added{std::move(hook), created};
}

awaitable<Result<bool>> ToolHooks::bring(ToolHook hook) {
  auto const lock = co_await changing_.lock();
  bool const there = std::ranges::any_of(hooks_, [&](ToolHook const& known) {
    return known.id == hook.id || (known.owner == hook.owner && known.name == hook.name);
  });
  if (there) co_return false;
  if (auto room = check_room(); !room) co_return room.error();
  auto hooks = hooks_;
  hooks.push_back(hook);
  auto const done = co_await put_in_force(std::move(hooks));
  if (!done) co_return done.error();
  announce("tool_hook.added", hook);
  co_return true;
}

Result<void> ToolHooks::check_room() const {
  if (hooks_.size() < kMost) return {};
  return Error{ErrorKind::too_large, "quota",
               std::to_string(kMost) +
                   " tool hooks are registered, the most there may be; remove one that is no longer needed "
                   "(agent-runner tool-hook list)"};
}

awaitable<Result<void>> ToolHooks::remove(std::string id) {
  auto const lock = co_await changing_.lock();
  auto hooks = hooks_;
  auto const known = std::ranges::find(hooks, id, &ToolHook::id);
  if (known == hooks.end())
    co_return not_found("no_such_tool_hook", "there is no tool hook with the id \"" + id +
                                                 "\"; `agent-runner tool-hook list` shows them (a hook that is "
                                                 "registered again gets a new id)");
  auto const hook = *known;
  hooks.erase(known);
  auto const done = co_await put_in_force(std::move(hooks));
  if (!done) co_return done.error();
  announce("tool_hook.removed", hook);
  co_return Result<void>();
}

/// Meanwhile the file tells of the old ones and the new ones: wherever this is cut off, no closed hook is missing in
/// it.
awaitable<Result<void>> ToolHooks::put_in_force(std::vector<ToolHook> hooks) {
  auto both = hooks_;
  both.insert(both.end(), hooks.begin(), hooks.end());
  auto const written = co_await write_file(std::move(both));
  if (!written) co_return written.error();
  auto job = [hooks](Database& db) -> Result<bool> {
    Transaction transaction(db);
    ToolHookTable(db).put_all(hooks);
    transaction.commit();
    return true;
  };
  auto const kept = co_await journal_.run(std::move(job));
  if (kept) hooks_ = std::move(hooks);
  co_await tell_hook_clients();
  if (!kept) co_return kept.error();
  co_return Result<void>();
}

awaitable<Result<void>> ToolHooks::write_file(std::vector<ToolHook> hooks) {
  auto job = [file = file_, text = lines_of(hooks)]() -> Result<void> {
    // Whoever watches the folder hears of what is written, and has the file restored.
    if (auto const before = read_file(file, kMostFileBytes); before && *before == text) return {};
    if (!text.empty()) return ar::write_file(file, text);
    std::error_code ec;
    std::filesystem::remove(file, ec);
    if (ec) return from_errno("cannot remove " + file.string(), ec.value());
    return {};
  };
  co_return co_await files_.run(std::move(job));
}

void ToolHooks::announce(char const* type, ToolHook const& hook) {
  events_.append("", type,
                 {{"hook", to_string(hook)},
                  {"id", hook.id},
                  {"phase", hook.phase()},
                  {"tools", hook.tools},
                  {"failMode", hook.fail_mode()}});
}

}  // namespace ar::daemon
