// refuse-syscall NAME PROGRAM ARGS...: runs the program under a filter (seccomp) that refuses the system call, as a
// container's runtime does: EPERM.
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  struct Known {
    char const* name;
    unsigned number;
  };
  constexpr Known kKnown[] = {{"pidfd_open", SYS_pidfd_open},         {"pidfd_send_signal", SYS_pidfd_send_signal},
                              {"epoll_create1", SYS_epoll_create1},   {"eventfd", SYS_eventfd2},
                              {"timerfd_create", SYS_timerfd_create}, {"inotify_init1", SYS_inotify_init1}};
  for (auto const& known : kKnown) {
    if (argc < 3 || std::strcmp(argv[1], known.name) != 0) continue;
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, known.number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog const filter{sizeof code / sizeof *code, code};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
      std::perror("refuse-syscall");
      return 125;
    }
    ::execvp(argv[2], argv + 2);
    std::perror(argv[2]);
    return 126;
  }
  std::fprintf(stderr, "usage: refuse-syscall NAME PROGRAM ARGS...\n");
  return 125;
}
