// The tool hooks that are registered (docs/tool-hooks.md): their order, where they are kept, and who else is told of
// them.
//
// A provider's hook client reads from a file which tools have hooks: how long it waits for the daemon's answer, and
// whether a call must not run without one. The file is there before the hook is in force, and outlives the daemon:
// while none runs, a call for which a hook has failMode closed waits for the next one. io thread only.
#pragma once
#include "base/async.hpp"
#include "base/worker.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "model/tool_hook.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ar::daemon {

class ToolHooks {
 public:
  static constexpr std::size_t kMost = 64;

  /// `file`: see above, beside the agents' socket. `files` outlives this.
  ToolHooks(Executor executor, Journal& journal, EventLog& events, WorkerPool& files, std::filesystem::path file);
  /// What was registered when the last daemon ended. Once, before anything else.
  awaitable<Result<void>> load();
  /// Somebody may have removed the file.
  awaitable<void> restore_file();

  bool empty() const { return hooks_.empty(); }
  std::vector<ToolHook> const& all() const { return hooks_; }
  /// Those that want to be asked, in the order in which they are: pre as registered, post the other way round.
  std::vector<ToolHook> wanting(bool after, std::string_view tool) const;

  struct Added {
    ToolHook hook;
    bool created = false;  ///< else it has taken the place of the one of its owner and name
  };
  /// Gives it its id and time. Error: quota.
  awaitable<Result<Added>> add(ToolHook hook);
  /// One that was registered elsewhere, as it was. False: there is one of its owner and name, which stays. Error:
  /// quota.
  awaitable<Result<bool>> bring(ToolHook hook);
  /// Error: no_such_tool_hook.
  awaitable<Result<void>> remove(std::string id);

 private:
  Result<void> check_room() const;
  awaitable<Result<void>> put_in_force(std::vector<ToolHook> hooks);
  awaitable<Result<void>> write_file(std::vector<ToolHook> hooks);
  awaitable<void> tell_hook_clients();
  void announce(char const* type, ToolHook const& hook);

  Journal& journal_;
  EventLog& events_;
  Worker files_;
  std::filesystem::path const file_;
  AsyncMutex changing_;
  std::vector<ToolHook> hooks_{};  ///< in the order of registration
};

}  // namespace ar::daemon
