#include "base/process/process_list.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

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
  unsigned long user = 0, kernel = 0;
  long pages = 0, childrens_user = 0, childrens_kernel = 0, threads = 0;
  // To the 24th of proc(5); the 3rd comes first here.
  if (name_end == std::string::npos ||
      std::sscanf(stat.c_str() + name_end + 1,
                  " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld %*d %*d %ld %*d %llu %*u %ld", &entry.state,
                  &entry.parent, &group, &entry.session, &user, &kernel, &childrens_user, &childrens_kernel, &threads,
                  &started, &pages) != 11)
    entry.state = 0;
  entry.threads = threads;
  entry.cpu_ticks = static_cast<std::int64_t>(user + kernel) + childrens_user + childrens_kernel;
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

ProcessList::ProcessList(std::vector<ProcessEntry> all) : all_(std::move(all)) {
  for (std::size_t i = 0; i < all_.size(); ++i) {
    auto const& one = all_[i];
    by_pid_.emplace(one.pid, i);
    if (one.state == 'Z') continue;
    by_parent_.emplace(one.parent, i);
    by_session_.emplace(one.session, i);
    if (one.mark != 0) by_mark_.emplace(one.mark, i);
  }
}

ProcessEntry const* ProcessList::find(pid_t pid) const {
  auto const it = by_pid_.find(pid);
  return it == by_pid_.end() ? nullptr : &all_[it->second];
}

std::vector<ProcessEntry> ProcessList::members(std::set<pid_t> const& known, pid_t root, ProcessMark mark) const {
  std::map<pid_t, ProcessEntry const*> found;
  std::vector<pid_t> todo(known.begin(), known.end());
  auto const add = [&](auto const& range) {
    for (auto it = range.first; it != range.second; ++it) {
      auto const& one = all_[it->second];
      if (one.pid != ::getpid() && !known.contains(one.pid) && found.emplace(one.pid, &one).second)
        todo.push_back(one.pid);
    }
  };
  if (mark != 0) add(by_mark_.equal_range(mark));
  // While the root's process session has members, its pid cannot be given away: a stranger that has it now tells that
  // there are none.
  auto const* const has_its_pid = find(root);
  if (root > 0 && (known.contains(root) || !has_its_pid || has_its_pid->state == 'Z'))
    add(by_session_.equal_range(root));
  while (!todo.empty()) {
    auto const parent = todo.back();
    todo.pop_back();
    add(by_parent_.equal_range(parent));
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
