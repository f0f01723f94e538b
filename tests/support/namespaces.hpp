// Moves the test's own process into kernel namespaces of its own, as root or, where that is allowed, without rights.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ar::test {

/// Ends the program as "skipped" for CTest (its SKIP_RETURN_CODE): only where none of its cases can be run here.
[[noreturn]] inline void skip_all(std::string const& why) {
  std::printf("SKIPPED: %s\n", why.c_str());
  std::fflush(stdout);
  std::_Exit(77);
}

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

/// Programs started from here on may rule over the namespaces we entered, too: exec() takes the rights that come with
/// them from everybody but root. False: errno says why.
inline bool share_namespace_rights() {
  if (::geteuid() == 0) return true;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct rights[2]{};
  if (::syscall(SYS_capget, &header, rights) != 0) return false;
  constexpr int kShared[] = {CAP_NET_ADMIN, CAP_SYS_ADMIN};
  for (int const right : kShared) rights[0].inheritable |= 1U << right;
  if (::syscall(SYS_capset, &header, rights) != 0) return false;
  for (int const right : kShared)
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, right, 0, 0) != 0) return false;
  return true;
}

}  // namespace ar::test
