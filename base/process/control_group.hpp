// One control group (cgroup v2): what its processes use together, what limits them, and their common end. Named by its
// folder below the mount point. The kernel answers at once, but a group may have many members: whoever asks about
// several groups does it on a Worker.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/worker.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace ar {

/// Where control groups v2 are mounted; empty: nowhere.
std::filesystem::path control_group_mount();
/// The group that a process is in; empty: it has ended, or there are none.
std::filesystem::path control_group_of(pid_t pid);
/// What can be limited in it, in the kernel's words: "memory", "pids", "cpu".
std::vector<std::string> controllers_of(std::filesystem::path const& group);

struct GroupUse {
  std::optional<std::int64_t> memory_bytes{};  ///< with the files that are cached for it; nothing: not counted here
  std::int64_t tasks = 0;                      ///< processes and, where the kernel counts them, threads
  std::int64_t cpu_usec = 0;
  std::int64_t cpu_periods = 0,
               cpu_throttled = 0;  ///< of the quota: all that it ran in, and those in which it was used up
  std::int64_t oom_kills = 0;      ///< processes that were killed for want of memory
  std::int64_t tasks_refused = 0;  ///< forks
};
/// Nothing: there is no such group.
std::optional<GroupUse> use_of_group(std::filesystem::path const& group);

struct GroupMember {
  pid_t pid = 0;
  std::string name{};
  std::int64_t memory_bytes = 0;  ///< resident
};
/// The processes in it and in the groups below it.
std::vector<pid_t> pids_in_group(std::filesystem::path const& group);
std::vector<GroupMember> members_of_group(std::filesystem::path const& group);

/// Writes one of its files, such as "memory.max".
Result<void> write_to_group(std::filesystem::path const& group, char const* file, std::string const& text);
/// Kills all that is in it, whatever that has become since, and returns once it has ended; then removes the group. The
/// error says what is left.
awaitable<Result<void>> end_group(Executor executor, Worker& worker, std::filesystem::path group);

}  // namespace ar
