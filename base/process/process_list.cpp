#include "base/process/process_list.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace ar {

ProcessEntry process_of(pid_t pid) {
  ProcessEntry entry;
  entry.pid = pid;
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  std::getline(in, stat);
  auto const name_end = stat.rfind(')');  // the name may hold anything
  int group = 0;
  unsigned long long started = 0;
  long pages = 0;
  // To the 24th of proc(5); the 3rd comes first here.
  if (name_end == std::string::npos ||
      std::sscanf(stat.c_str() + name_end + 1,
                  " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu %*u %ld", &entry.state,
                  &entry.parent, &group, &entry.session, &started, &pages) != 6)
    entry.state = 0;
  entry.started = started;
  entry.pages = pages;
  return entry;
}

namespace {

ProcessMark mark_of(pid_t pid) {
  rlimit64 limit{};
  bool const known = ::prlimit64(pid, RLIMIT_LOCKS, nullptr, &limit) == 0;
  return known && limit.rlim_cur != RLIM64_INFINITY ? limit.rlim_cur : 0;
}

}  // namespace

std::vector<ProcessEntry> all_processes() {
  std::vector<ProcessEntry> all;
  std::error_code ec;
  for (auto const& file : std::filesystem::directory_iterator("/proc", ec)) {
    auto const pid = static_cast<pid_t>(std::atol(file.path().filename().c_str()));
    auto entry = pid > 0 ? process_of(pid) : ProcessEntry();
    if (entry.state == 0) continue;
    entry.mark = mark_of(pid);
    all.push_back(entry);
  }
  return all;
}

std::vector<ProcessEntry> members_among(std::vector<ProcessEntry> const& running, std::set<pid_t> const& known,
                                        pid_t root, ProcessMark mark) {
  // While the root's process session has members, its pid cannot be given away: a stranger that has it now tells that
  // there are none.
  bool const session_is_ours =
      root > 0 && (known.contains(root) || std::ranges::none_of(running, [&](ProcessEntry const& one) {
                     return one.pid == root && one.state != 'Z';
                   }));
  std::map<pid_t, ProcessEntry const*> found;
  std::multimap<pid_t, ProcessEntry const*> children;
  std::vector<pid_t> todo(known.begin(), known.end());
  auto const add = [&](ProcessEntry const& one) {
    if (one.pid != ::getpid() && !known.contains(one.pid) && found.emplace(one.pid, &one).second)
      todo.push_back(one.pid);
  };
  for (auto const& one : running) {
    if (one.state == 'Z') continue;
    children.emplace(one.parent, &one);
    if ((mark != 0 && one.mark == mark) || (session_is_ours && one.session == root)) add(one);
  }
  while (!todo.empty()) {
    auto const [first, last] = children.equal_range(todo.back());
    todo.pop_back();
    for (auto it = first; it != last; ++it) add(*it->second);
  }
  std::vector<ProcessEntry> members;
  for (auto const& [pid, entry] : found) members.push_back(*entry);
  return members;
}

void take_mark_off() {
  rlimit64 limit{};
  if (::getrlimit64(RLIMIT_LOCKS, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit64(RLIMIT_LOCKS, &limit);
}

}  // namespace ar
