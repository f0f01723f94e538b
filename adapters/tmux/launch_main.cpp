// agent-runner-launch FILE: becomes the program that FILE describes (adapters/tmux/launch_file.hpp), with
// exactly the environment given there plus the TERM that tmux chose. Static and without libstdc++'s start-up:
// it runs before every agent. What goes wrong is said on the terminal, where a person will look, and ends it
// with 127.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

namespace {

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

[[noreturn]] void fail(char const* what, char const* subject, char const* why) {
  std::fprintf(stderr, "agent-runner: %s %s: %s\n", what, subject, why);
  wait_until_shown();
  std::exit(127);
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
  struct stat info{};
  if (fd < 0 || ::fstat(fd, &info) != 0) fail("cannot read", path, std::strerror(errno));
  if (!S_ISREG(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 0077) != 0)
    fail("refusing", path, "not a private file of this user");
  ::unlink(path);
  size = static_cast<std::size_t>(info.st_size);
  auto* const data = static_cast<char*>(std::malloc(size + 1));
  if (!data) fail("cannot read", path, "out of memory");
  std::size_t have = 0;
  while (have < size) {
    auto const n = ::read(fd, data + have, size - have);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail("cannot read", path, n < 0 ? std::strerror(errno) : "cut short");
    have += static_cast<std::size_t>(n);
  }
  data[size] = 0;
  ::close(fd);
  return data;
}

/// Leaves the mark (adapters/tmux/process.hpp) on us and on everything that we become and start.
void put_on(char const* mark) {
  rlimit64 limit{};
  if (*mark == '0' || ::getrlimit64(RLIMIT_LOCKS, &limit) != 0) return;
  limit.rlim_cur = std::strtoull(mark, nullptr, 10);
  ::setrlimit64(RLIMIT_LOCKS, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fail("usage:", "agent-runner-launch", "FILE");
  std::size_t size = 0;
  char* const data = take(argv[1], size);

  std::size_t strings = 0;
  for (std::size_t i = 0; i < size; ++i) strings += data[i] == 0;
  auto** const words = static_cast<char**>(std::calloc(strings + 4, sizeof(char*)));
  if (!words || strings < 4 || data[size - 1] != 0) fail("cannot use", argv[1], "not a launch file");
  char* at = data;
  for (std::size_t i = 0; i < strings; ++i) {
    words[i] = at;
    at += std::strlen(at) + 1;
  }
  // words: directory, mark, count, arguments..., environment...; a null goes between the last two, a TERM to the
  // end.
  auto const count = static_cast<std::size_t>(std::atol(words[2]));
  if (count == 0 || count + 3 > strings) fail("cannot use", argv[1], "not a launch file");
  char const* const directory = words[0];
  put_on(words[1]);
  char** const arguments = words + 3;
  char** const environment = arguments + count + 1;
  std::memmove(environment, arguments + count, (strings - 3 - count) * sizeof(char*));
  arguments[count] = nullptr;
  char const* const term = std::getenv("TERM");
  if (term && !value_of(environment, "TERM")) environment[strings - 3 - count] = const_cast<char*>(term - 5);

  if (*directory && ::chdir(directory) != 0) fail("cannot enter the directory", directory, std::strerror(errno));
  char const* const path = value_of(environment, "PATH");
  if (path)
    ::setenv("PATH", path, 1);  // where execvpe looks
  else
    ::unsetenv("PATH");
  ::execvpe(arguments[0], arguments, environment);
  fail("cannot start", arguments[0], std::strerror(errno));
}
