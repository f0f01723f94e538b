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
#include <sys/resource.h>
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

Seen look_at(pid_t pid) {
  Seen seen;
  seen.pid = pid;
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
                  " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu %*u %ld", &seen.state,
                  &seen.parent, &group, &seen.session, &started, &pages) != 6)
    seen.state = 0;
  seen.started = started;
  seen.pages = pages;
  return seen;
}

ProcessMark mark_of(pid_t pid) {
  rlimit64 limit{};
  bool const known = ::prlimit64(pid, RLIMIT_LOCKS, nullptr, &limit) == 0;
  return known && limit.rlim_cur != RLIM64_INFINITY ? limit.rlim_cur : 0;
}

}  // namespace

std::vector<Seen> all_processes() {
  std::vector<Seen> all;
  std::error_code ec;
  for (auto const& entry : std::filesystem::directory_iterator("/proc", ec)) {
    auto const pid = static_cast<pid_t>(std::atol(entry.path().filename().c_str()));
    auto seen = pid > 0 ? look_at(pid) : Seen();
    if (seen.state == 0) continue;
    seen.mark = mark_of(pid);
    all.push_back(seen);
  }
  return all;
}

std::vector<Seen> members_among(std::vector<Seen> const& running, std::set<pid_t> const& known, pid_t root,
                                ProcessMark mark) {
  // While the root's process session has members, its pid cannot be given away: a stranger that has it now tells that
  // there are none.
  bool const session_is_ours = root > 0 && (known.contains(root) || std::ranges::none_of(running, [&](Seen const& one) {
                                              return one.pid == root && one.state != 'Z';
                                            }));
  std::map<pid_t, Seen const*> found;
  std::multimap<pid_t, Seen const*> children;
  std::vector<pid_t> todo(known.begin(), known.end());
  auto const add = [&](Seen const& one) {
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
  std::vector<Seen> members;
  for (auto const& [pid, seen] : found) members.push_back(*seen);
  return members;
}

void take_mark_off() {
  rlimit64 limit{};
  if (::getrlimit64(RLIMIT_LOCKS, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit64(RLIMIT_LOCKS, &limit);
}

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

std::uint64_t start_time_of(pid_t pid) { return look_at(pid).started; }

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

ProcessTree::ProcessTree(Executor executor, Worker& worker, pid_t root, bool ended, ProcessMark mark)
    : executor_(std::move(executor)), worker_(worker), root_(root), mark_(mark) {
  if (!ended) members_.emplace_back(executor_, root);
}

/// Adds what is new; false: nothing is.
awaitable<bool> ProcessTree::grow() {
  auto look = [] { return all_processes(); };
  auto const running = co_await worker_.run(std::move(look));
  std::set<pid_t> known;
  for (auto const& member : members_)
    if (!member.exited()) known.insert(member.pid());
  auto const found = members_among(running, known, root_, mark_);
  for (auto const& seen : found) {
    Process const handle(executor_, seen.pid);
    if (look_at(seen.pid).started == seen.started) members_.push_back(handle);  // else another one has the number now
  }
  co_return !found.empty();
}

awaitable<void> ProcessTree::wait_for_all(Clock::time_point deadline) {
  for (auto member : members_) co_await member.wait(deadline);
}

awaitable<void> ProcessTree::end(Clock::duration grace) {
  if (root_ == 0 && mark_ == 0) co_return;
  (void)co_await grow();
  if (members_.empty()) co_return;
  for (auto const& member : members_) {
    member.signal(SIGHUP);
    member.signal(SIGCONT);
  }
  co_await wait_for_all(Clock::now() + grace);
  constexpr int kRounds = 10;  // against one that starts others faster than they can be found
  bool more = true;
  for (int round = 0; more && round < kRounds; ++round) {
    // Held still, so that none of them starts another one between the look and the kill.
    for (bool grown = true; grown; grown = co_await grow())
      for (auto const& member : members_) member.signal(SIGSTOP);
    // The root last: its end is what others hear of.
    std::ranges::for_each(members_.rbegin(), members_.rend(), [](Process const& one) { one.signal(SIGKILL); });
    co_await wait_for_all(Clock::now() + grace);
    more = co_await grow();
  }
}

}  // namespace ar::adapters
