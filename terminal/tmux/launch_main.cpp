// agent-runner-launch FILE: becomes the program that FILE describes (terminal/tmux/launch_file.hpp), with
// exactly the environment given there plus the TERM that tmux chose. Static and without libstdc++'s start-up:
// it runs before every agent. What goes wrong is said on the terminal, where a person will look, and in FILE.failed,
// where the daemon does; and ends it with 126, or 127 when the program is not there, or 71 when another try may do
// better.
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <initializer_list>
#include <limits.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

namespace {

constexpr std::size_t kArguments = 7;  ///< where they begin in the file
constexpr int kMayPass = 71, kCannot = 126, kNotThere = 127;

/// tmux forgets what it has not yet read from a program when that ends. So ask for the terminal's state and
/// wait for the answer, which comes after all that was written before.
void wait_until_shown() {
  termios settings{};
  if (::tcgetattr(STDERR_FILENO, &settings) != 0) return;
  settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  ::tcsetattr(STDERR_FILENO, TCSANOW, &settings);
  std::fputs("\033[5n", stderr);
  pollfd answer{STDERR_FILENO, POLLIN, 0};
  ::poll(&answer, 1, 1000);
}

char const* report = nullptr;  ///< FILE.failed

[[noreturn]] void fail(int status, char const* format, ...) __attribute__((format(printf, 2, 3)));
void fail(int status, char const* format, ...) {
  char text[2048];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  int const fd = report ? ::open(report, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
  if (fd >= 0) (void)!::write(fd, text, std::strlen(text));
  std::fprintf(stderr, "agent-runner: %s\n", text);
  wait_until_shown();
  std::exit(status);
}

bool may_pass(int error) {
  switch (error) {
    case EAGAIN:
    case EINTR:
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ESTALE:
    case ETXTBSY: return true;
    default: return false;
  }
}

char const* value_of(char* const* environment, char const* name) {
  std::size_t const length = std::strlen(name);
  for (; *environment; ++environment)
    if (std::strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
      return *environment + length + 1;
  return nullptr;
}

/// The whole file, removed from the disk; `size` of it. Only a regular file of ours that nobody else can
/// read.
char* take(char const* path, std::size_t& size) {
  int const fd = ::open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  struct stat info {};
  if (fd < 0 || ::fstat(fd, &info) != 0) fail(kCannot, "cannot read %s: %s", path, std::strerror(errno));
  if (!S_ISREG(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 0077) != 0)
    fail(kCannot, "refusing %s: not a private file of this user", path);
  ::unlink(path);
  size = static_cast<std::size_t>(info.st_size);
  auto* const data = static_cast<char*>(std::malloc(size + 1));
  if (!data) fail(kMayPass, "cannot read %s: out of memory", path);
  std::size_t have = 0;
  while (have < size) {
    auto const n = ::read(fd, data + have, size - have);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail(kCannot, "cannot read %s: %s", path, n < 0 ? std::strerror(errno) : "cut short");
    have += static_cast<std::size_t>(n);
  }
  data[size] = 0;
  ::close(fd);
  return data;
}

/// Leaves the mark (base/process/process_list.hpp) on us and on everything that we become and start.
void put_on(char const* mark) {
  rlimit64 limit{};
  if (*mark == '0' || ::getrlimit64(RLIMIT_LOCKS, &limit) != 0) return;
  limit.rlim_cur = std::strtoull(mark, nullptr, 10);
  ::setrlimit64(RLIMIT_LOCKS, &limit);
}

/// tmux's server has a higher limit, which not every program stands.
void limit_files(char const* soft) {
  rlimit64 limit{};
  auto const wanted = std::strtoull(soft, nullptr, 10);
  if (::getrlimit64(RLIMIT_NOFILE, &limit) != 0 || wanted == 0 || wanted > limit.rlim_max) return;
  limit.rlim_cur = wanted;
  ::setrlimit64(RLIMIT_NOFILE, &limit);
}

/// From here on we are in this control group, and all that we become and start.
void enter(char const* group) {
  if (!*group) return;
  char path[PATH_MAX];
  if (std::snprintf(path, sizeof path, "%s/cgroup.procs", group) >= PATH_MAX)
    fail(kCannot, "the control group's name %s is too long", group);
  int const fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ::write(fd, "0", 1) != 1)
    fail(kMayPass, "cannot enter the control group %s: %s", group, std::strerror(errno));
  ::close(fd);
}

/// Where no control group does: of each process, and of all that its user runs.
void limit(__rlimit_resource what, char const* most) {
  rlimit64 now{};
  auto const wanted = std::strtoull(most, nullptr, 10);
  if (wanted == 0 || ::getrlimit64(what, &now) != 0 || now.rlim_max < wanted) return;
  now.rlim_cur = now.rlim_max = wanted;
  ::setrlimit64(what, &now);
}

/// The interpreter that the file's first line names; empty: it names none.
void read_interpreter(char const* program, char (&interpreter)[256]) {
  char line[256] = "";
  int const fd = ::open(program, O_RDONLY | O_CLOEXEC);
  auto const size = fd < 0 ? 0 : ::read(fd, line, sizeof line - 1);
  if (fd >= 0) ::close(fd);
  line[size > 0 ? size : 0] = 0;
  interpreter[0] = 0;
  if (std::strncmp(line, "#!", 2) == 0) std::sscanf(line + 2, "%255s", interpreter);
}

/// Why the kernel refuses to run it. No value of a variable is shown.
[[noreturn]] void explain(int error, char* const* arguments, char* const* environment) {
  char const* const program = arguments[0];
  char const* const reason = std::strerror(error);
  if (error == E2BIG) {
    std::size_t size = 0, most = 0;
    char longest[128] = "";
    for (auto* const* list : {arguments, environment})
      for (int i = 0; list[i]; ++i) {
        auto const length = std::strlen(list[i]) + 1;
        size += length + sizeof(char*);
        if (length <= most) continue;
        most = length;
        if (list == arguments)
          std::snprintf(longest, sizeof longest, "argument %d", i);
        else
          std::snprintf(longest, sizeof longest, "the variable %.*s",
                        static_cast<int>(std::strcspn(list[i], "=") < 80 ? std::strcspn(list[i], "=") : 80), list[i]);
      }
    fail(kCannot,
         "cannot start %s: its arguments and environment are too large for the system (%zu bytes; the longest: "
         "%s, %zu bytes)",
         program, size, longest, most);
  }
  struct stat info {};
  bool const there = ::stat(program, &info) == 0;
  char interpreter[256];
  read_interpreter(program, interpreter);
  if (error == ENOENT && there && *interpreter)
    fail(kCannot, "cannot start %s: its interpreter %s, which its first line names, is not there", program,
         interpreter);
  if (error == ENOENT && there)
    fail(kCannot, "cannot start %s: the loader that it was built for is not on this system", program);
  if (error == ENOENT || error == ENOTDIR) fail(kNotThere, "cannot start %s: the program was not found", program);
  if (error == EACCES && *interpreter && ::access(interpreter, X_OK) != 0)
    fail(kCannot, "cannot start %s: its interpreter %s, which its first line names, may not be executed: %s", program,
         interpreter, std::strerror(errno));
  if (error == EACCES)
    fail(kCannot,
         "cannot start %s: it may not be executed: %s (look at its mode, at those of the folders above it, and "
         "for noexec)",
         program, reason);
  if (error == ENOEXEC) fail(kCannot, "cannot start %s: it is no program of this system: %s", program, reason);
  fail(may_pass(error) ? kMayPass : kCannot, "cannot start %s: %s", program, reason);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fail(kCannot, "usage: agent-runner-launch FILE");
  char failed[PATH_MAX];
  if (std::snprintf(failed, sizeof failed, "%s.failed", argv[1]) < PATH_MAX) report = failed;
  std::size_t size = 0;
  char* const data = take(argv[1], size);

  std::size_t strings = 0;
  for (std::size_t i = 0; i < size; ++i) strings += data[i] == 0;
  auto** const words = static_cast<char**>(std::calloc(strings + 4, sizeof(char*)));
  if (!words || strings <= kArguments || data[size - 1] != 0) fail(kCannot, "cannot use %s: not a launch file", argv[1]);
  char* at = data;
  for (std::size_t i = 0; i < strings; ++i) {
    words[i] = at;
    at += std::strlen(at) + 1;
  }
  // words: directory, mark, files, group, data, tasks, count, arguments..., environment...; a null goes between the last
  // two, a TERM to the end.
  auto const count = static_cast<std::size_t>(std::atol(words[6]));
  if (count == 0 || count + kArguments > strings) fail(kCannot, "cannot use %s: not a launch file", argv[1]);
  char const* const directory = words[0];
  put_on(words[1]);
  limit_files(words[2]);
  enter(words[3]);
  limit(RLIMIT_DATA, words[4]);
  limit(RLIMIT_NPROC, words[5]);
  char** const arguments = words + kArguments;
  char** const environment = arguments + count + 1;
  std::memmove(environment, arguments + count, (strings - kArguments - count) * sizeof(char*));
  arguments[count] = nullptr;
  char const* const term = std::getenv("TERM");
  if (term && !value_of(environment, "TERM")) environment[strings - kArguments - count] = const_cast<char*>(term - 5);

  if (*directory && ::chdir(directory) != 0)
    fail(may_pass(errno) ? kMayPass : kCannot, "cannot enter the directory %s: %s", directory, std::strerror(errno));
  char const* const path = value_of(environment, "PATH");
  if (path)
    ::setenv("PATH", path, 1);  // where execvpe looks
  else
    ::unsetenv("PATH");
  ::execvpe(arguments[0], arguments, environment);
  explain(errno, arguments, environment);
}
