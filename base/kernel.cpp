#include "base/kernel.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace ar {
namespace {

/// Closes what a call has opened; false: it was refused, and errno says why.
bool opens(long fd) {
  if (fd >= 0) ::close(static_cast<int>(fd));
  return fd >= 0;
}

bool sends_signals() {
  auto const self = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
  if (self < 0) return false;
  bool const sent = ::syscall(SYS_pidfd_send_signal, self, 0, nullptr, 0) == 0;
  int const reason = errno;
  ::close(self);
  errno = reason;
  return sent;
}

struct Need {
  char const* name;
  char const* what_for;
  bool (*works)();
};

constexpr Need kNeeds[] = {
    {"pidfd_open", "to hear of a process's end", [] { return opens(::syscall(SYS_pidfd_open, ::getpid(), 0)); }},
    {"pidfd_send_signal", "to signal a process and no other one", sends_signals},
    {"epoll_create1", "to wait for several things", [] { return opens(::epoll_create1(EPOLL_CLOEXEC)); }},
    {"eventfd", "to wait for several things", [] { return opens(::eventfd(0, EFD_CLOEXEC)); }},
    {"timerfd_create", "for deadlines", [] { return opens(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)); }},
    {"inotify_init1", "to hear of changed files", [] { return opens(::inotify_init1(IN_CLOEXEC)); }},
    {"prlimit64", "to know the processes of an agent",
     [] {
       rlimit64 limit{};
       return ::prlimit64(0, RLIMIT_LOCKS, nullptr, &limit) == 0;
     }},
    {"/proc", "to look at processes", [] { return ::access("/proc/self/stat", R_OK) == 0; }},
};

std::string remedy(char const* name, int reason) {
  if (reason == EMFILE && std::strcmp(name, "inotify_init1") == 0)
    return "this user's inotify instances are used up: end a program that has many, or raise "
           "fs.inotify.max_user_instances";
  if (reason == EMFILE || reason == ENFILE) return "too many files are open: raise the limit (ulimit -n)";
  if (*name == '/') return "mount it";
  return "Linux 5.3 or newer is needed, and in a container a runtime whose filter (seccomp) lets it through";
}

}  // namespace

Result<void> check_kernel() {
  for (auto const& need : kNeeds) {
    if (need.works()) continue;
    int const reason = errno;
    return unavailable("kernel", std::string(need.name) + ", which is needed " + need.what_for + ", is refused here (" +
                                     std::strerror(reason) + "); " + remedy(need.name, reason));
  }
  return {};
}

std::string boot_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

}  // namespace ar
