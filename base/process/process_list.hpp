// The kernel's list of processes, and which of them belong to one program. Reads /proc.
#pragma once
#include <cstddef>
#include <cstdint>
#include <set>
#include <sys/types.h>
#include <unordered_map>
#include <vector>

namespace ar {

/// What everything that runs because of one program is known by, whatever it is called and whoever its parent is.
/// Unguessable, and the same at every start of the program. 0: none.
///
/// It is the soft limit RLIMIT_LOCKS, which Linux hands on and has not enforced since 2.4: a new parent, session, name,
/// program or environment does not take it off. What does: setting that limit, and having the work done by a process
/// that is none of ours (systemd-run, cron, a container's daemon).
using ProcessMark = std::uint64_t;

/// One line of the kernel's list of processes.
struct ProcessEntry {
  pid_t pid = 0, parent = 0, session = 0;
  std::uint64_t started = 0;  ///< with the pid, the name of one process only
  std::int64_t pages = 0;     ///< resident
  std::int64_t threads = 0;
  std::int64_t cpu_ticks = 0;  ///< used, with the children that it has waited for
  char state = 0;              ///< 'Z': it has ended; 0: there is none
  ProcessMark mark = 0;
};
/// `state` 0: there is none.
ProcessEntry process_of(pid_t pid);
/// All that run or have just ended. Reads /proc.
std::vector<ProcessEntry> all_processes();

/// A list of processes, for many questions.
class ProcessList {
 public:
  ProcessList() = default;
  explicit ProcessList(std::vector<ProcessEntry> all);

  bool empty() const { return all_.empty(); }
  /// Null: it is not in the list. It may have ended.
  ProcessEntry const* find(pid_t pid) const;
  /// Of those that run, by pid, what belongs to a program with this process and this mark (0: not known), beside
  /// `known`, which are its own and run: their descendants, the members of the process session that it leads or led,
  /// whatever has its mark. This process itself never does.
  std::vector<ProcessEntry> members(std::set<pid_t> const& known, pid_t root, ProcessMark mark) const;

 private:
  template <class Key>
  using Places = std::unordered_multimap<Key, std::size_t>;  ///< in all_, of those that run

  std::vector<ProcessEntry> all_{};
  std::unordered_map<pid_t, std::size_t> by_pid_{};
  Places<pid_t> by_parent_{}, by_session_{};
  Places<ProcessMark> by_mark_{};
};

/// This process, and what it starts from here on, is nobody's: an agent may have started it.
void take_mark_off();

}  // namespace ar
