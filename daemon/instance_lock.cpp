#include "daemon/instance_lock.hpp"

#include "base/paths.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ar::daemon {
namespace {

/// A process that is being killed keeps its locks for some milliseconds.
bool ends_soon(pid_t pid) {
  int const process = pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1;
  if (process < 0) return true;  // it has ended
  pollfd ended{process, POLLIN, 0};
  int const ready = ::poll(&ended, 1, 1000);
  ::close(process);
  return ready > 0;
}

}  // namespace

Result<InstanceLock> InstanceLock::take(std::filesystem::path const& state_dir) {
  if (auto made = make_private_dir(state_dir); !made) return made.error();
  auto const file = state_dir / "daemon.lock";
  int const fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return from_errno("cannot open " + file.string(), errno);
  InstanceLock lock(fd);
  bool locked = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
  if (!locked) {
    auto const holder = read_file(file, 64);
    if (holder && ends_soon(std::atoi(holder->c_str()))) locked = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
  }
  if (!locked) {
    auto const holder = read_file(file, 64);
    return conflict("already_running",
                    "a daemon (pid " + (holder && !holder->empty() ? *holder : std::string("unknown")) + ") uses " +
                        state_dir.string() +
                        " already; use it, stop it with `agent-runner down`, or choose another --state-dir");
  }
  auto const pid = std::to_string(::getpid());
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    return from_errno("cannot write " + file.string(), errno);
  return lock;
}

InstanceLock::~InstanceLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace ar::daemon
