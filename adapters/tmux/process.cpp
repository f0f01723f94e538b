#include "adapters/tmux/process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <poll.h>
#include <set>
#include <string>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
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
    if (name_end != std::string::npos &&
        std::sscanf(stat.c_str() + name_end + 1, " %c %d %d %d", &one.state, &one.parent, &group, &one.session) == 4)
      all.push_back(one);
  }
  return all;
}

}  // namespace

pid_t listener_at(std::filesystem::path const& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto const path = socket.string();
  if (path.size() >= sizeof address.sun_path) return 0;
  std::memcpy(address.sun_path, path.data(), path.size());
  int const fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return 0;
  ucred peer{};
  socklen_t size = sizeof peer;
  pid_t pid = -1;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    pid = errno == ENOENT || errno == ECONNREFUSED ? 0 : -1;
  else if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
    pid = peer.pid;
  ::close(fd);
  return pid;
}

bool runs_another(pid_t pid, std::filesystem::path const& program) {
  std::error_code ec;
  bool const same = std::filesystem::equivalent("/proc/" + std::to_string(pid) + "/exe", program, ec);
  return !ec && !same;
}

bool was_started_with(pid_t pid, std::string const& variable) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/environ", std::ios::binary);
  for (std::string entry; std::getline(in, entry, '\0');)
    if (entry == variable) return true;
  return false;
}

ProcessTree::ProcessTree(Executor executor, pid_t root, bool ended, std::string mark)
    : executor_(std::move(executor)), root_(root), mark_(std::move(mark)) {
  if (!ended) members_.emplace_back(executor_, root);
  grow();
}

/// Adds what is new; false: nothing is.
bool ProcessTree::grow() {
  auto const running = all_processes();
  std::set<pid_t> known, found;
  for (auto const& member : members_)
    if (!member.exited()) known.insert(member.pid());
  // While the root's process session has members, its pid cannot be given away: a stranger that has it now tells that
  // there are none.
  bool const session_is_ours =
      root_ > 0 && (known.contains(root_) || std::ranges::none_of(running, [&](Stat const& one) {
                      return one.pid == root_ && one.state != 'Z';
                    }));
  std::map<pid_t, pid_t> parents;
  for (auto const& one : running) parents.emplace(one.pid, one.parent);
  find_adopters(parents);
  std::multimap<pid_t, pid_t> children;
  std::vector<pid_t> todo(known.begin(), known.end());
  for (auto const& one : running) {
    if (one.state == 'Z') continue;
    children.emplace(one.parent, one.pid);
    if (known.contains(one.pid) || one.pid == ::getpid()) continue;
    if ((session_is_ours && one.session == root_) || is_marked_orphan(one.pid, one.parent)) {
      found.insert(one.pid);
      todo.push_back(one.pid);
    }
  }
  while (!todo.empty()) {
    auto const [first, last] = children.equal_range(todo.back());
    todo.pop_back();
    for (auto it = first; it != last; ++it)
      if (it->second != ::getpid() && !known.contains(it->second) && found.insert(it->second).second)
        todo.push_back(it->second);
  }
  for (pid_t const pid : found) members_.emplace_back(executor_, pid);
  return !found.empty();
}

/// init, and what may stand in for it (a subreaper, such as a user's systemd): above us, or above the root's terminal.
void ProcessTree::find_adopters(std::map<pid_t, pid_t> const& parents) {
  auto const parent_of = [&](pid_t pid) {
    auto const it = parents.find(pid);
    return it == parents.end() ? 0 : it->second;
  };
  for (pid_t pid = parent_of(::getpid()); pid > 1; pid = parent_of(pid)) adopters_.insert(pid);
  for (pid_t pid = parent_of(parent_of(root_)); pid > 1; pid = parent_of(pid)) adopters_.insert(pid);
}

/// Looks at orphans only: to read a busy process's environment may take seconds, since it waits for its memory's lock.
bool ProcessTree::is_marked_orphan(pid_t pid, pid_t parent) {
  if (mark_.empty() || !adopters_.contains(parent) || unmarked_.contains(pid)) return false;
  bool const marked = was_started_with(pid, mark_);
  if (!marked) unmarked_.insert(pid);
  return marked;
}

awaitable<void> ProcessTree::wait_for_all(Clock::time_point deadline) {
  for (auto member : members_) co_await member.wait(deadline);
}

awaitable<void> ProcessTree::end(Clock::duration grace) {
  for (auto const& member : members_) {
    member.signal(SIGHUP);
    member.signal(SIGCONT);
  }
  co_await wait_for_all(Clock::now() + grace);
  constexpr int kRounds = 10;  // against one that starts others faster than they can be found
  for (int round = 0; round < kRounds && (round == 0 || grow()); ++round) {
    // Held still, so that none of them starts another one between the look and the kill.
    do {
      for (auto const& member : members_) member.signal(SIGSTOP);
    } while (grow());
    // The root last: its end is what others hear of.
    std::ranges::for_each(members_.rbegin(), members_.rend(), [](Process const& one) { one.signal(SIGKILL); });
    co_await wait_for_all(Clock::now() + grace);
  }
}

}  // namespace ar::adapters
