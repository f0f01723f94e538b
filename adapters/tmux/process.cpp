#include "adapters/tmux/process.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <poll.h>
#include <set>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>

namespace ar::adapters {

Process::Process(Executor executor, pid_t pid) : pid_(pid) {
  int const fd = pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1;
  if (fd >= 0) fd_ = std::make_shared<net::posix::stream_descriptor>(std::move(executor), fd);
}

bool Process::exited() const {
  if (!fd_) return true;
  pollfd look{fd_->native_handle(), POLLIN, 0};
  return ::poll(&look, 1, 0) > 0;
}

awaitable<bool> Process::wait(Clock::time_point deadline) {
  auto const fd = fd_;
  Timer timer(co_await net::this_coro::executor, deadline);
  if (deadline != Clock::time_point::max()) {
    std::weak_ptr<net::posix::stream_descriptor> const weak = fd;
    timer.async_wait([weak](error_code ec) {
      if (auto const alive = weak.lock(); alive && !ec) alive->cancel();
    });
  }
  // Another waiter's deadline cancels ours too; hence the loop.
  while (!exited() && Clock::now() < deadline)
    (void)co_await fd->async_wait(net::posix::stream_descriptor::wait_read, nothrow);
  co_return exited();
}

void Process::signal(int number) const {
  if (fd_) (void)::syscall(SYS_pidfd_send_signal, fd_->native_handle(), number, nullptr, 0);
}

namespace {

struct Stat {
  pid_t pid = 0, parent = 0, session = 0;
  char state = 0;
};

std::vector<Stat> all_processes() {
  std::vector<Stat> all;
  std::error_code ec;
  for (auto const& entry : std::filesystem::directory_iterator("/proc", ec)) {
    Stat one;
    one.pid = static_cast<pid_t>(std::atol(entry.path().filename().c_str()));
    if (one.pid <= 0) continue;
    std::ifstream in(entry.path() / "stat");
    std::string stat;
    std::getline(in, stat);
    auto const name_end = stat.rfind(')');  // the name may hold anything
    int group = 0;
    if (name_end != std::string::npos && std::sscanf(stat.c_str() + name_end + 1, " %c %d %d %d", &one.state,
                                                     &one.parent, &group, &one.session) == 4)
      all.push_back(one);
  }
  return all;
}

}  // namespace

std::vector<Process> process_tree(Executor executor, pid_t root) {
  std::multimap<pid_t, pid_t> children;
  std::set<pid_t> found{root};
  for (auto const& one : all_processes()) {
    children.emplace(one.parent, one.pid);
    if (one.session == root) found.insert(one.pid);
  }
  std::vector<pid_t> todo(found.begin(), found.end());
  while (!todo.empty()) {
    auto const [first, last] = children.equal_range(todo.back());
    todo.pop_back();
    for (auto it = first; it != last; ++it)
      if (found.insert(it->second).second) todo.push_back(it->second);
  }
  std::vector<Process> tree;
  for (pid_t const pid : found) tree.emplace_back(executor, pid);
  return tree;
}

std::vector<Process> left_by(Executor executor, pid_t root) {
  std::vector<Process> left;
  for (auto const& one : all_processes()) {
    if (one.pid == root && one.state != 'Z') return {};
    if (one.session == root && one.pid != root) left.emplace_back(executor, one.pid);
  }
  return left;
}

}  // namespace ar::adapters
