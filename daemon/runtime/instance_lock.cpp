#include "daemon/runtime/instance_lock.hpp"

#include "base/instance.hpp"
#include "base/paths.hpp"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
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
  auto const file = instance_file(state_dir);
  int const fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return from_errno("cannot open " + file.string(), errno);
  InstanceLock lock(fd, file);
  bool locked = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
  auto const holder = locked ? std::nullopt : recorded_instance(state_dir);
  if (holder && ends_soon(holder->pid)) locked = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
  if (!locked)
    return conflict("already_running", "a daemon (pid " + (holder ? std::to_string(holder->pid) : "unknown") +
                                           ") uses " + state_dir.string() +
                                           " already; use it, stop it with `agent-runner down`, or choose another "
                                           "--state-dir");
  if (auto written = lock.announce({}); !written) return written.error();
  return lock;
}

Result<void> InstanceLock::announce(std::filesystem::path const& socket) const {
  auto const text = to_text(Instance{::getpid(), socket});
  if (::pwrite(fd_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      ::ftruncate(fd_, static_cast<off_t>(text.size())) != 0)
    return from_errno("cannot write " + file_.string(), errno);
  return {};
}

bool InstanceLock::is_held() const {
  struct stat file{}, held{};
  return ::stat(file_.c_str(), &file) == 0 && ::fstat(fd_, &held) == 0 && file.st_dev == held.st_dev &&
         file.st_ino == held.st_ino;
}

InstanceLock::~InstanceLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace ar::daemon
