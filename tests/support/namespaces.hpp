// Moves the test's own process into kernel namespaces of its own, as root or, where that is allowed, without rights.
#pragma once
#include <fcntl.h>
#include <sched.h>
#include <string>
#include <unistd.h>

namespace ar::test {

inline bool write_proc(char const* file, std::string const& text) {
  int const fd = ::open(file, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  auto const written = ::write(fd, text.data(), text.size());
  ::close(fd);
  return written == static_cast<ssize_t>(text.size());
}

/// `kind`: CLONE_NEWNET, CLONE_NEWNS. Without rights, as ourselves in a user namespace of our own: no rights outside,
/// but others may be made in it. False: errno says why. Call while the process has one thread.
inline bool enter_namespace(int kind) {
  if (::unshare(kind) == 0) return true;
  auto const uid = std::to_string(::geteuid()), gid = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | kind) != 0) return false;
  return write_proc("/proc/self/setgroups", "deny") && write_proc("/proc/self/uid_map", uid + " " + uid + " 1") &&
         write_proc("/proc/self/gid_map", gid + " " + gid + " 1");
}

}  // namespace ar::test
