#include "terminal/tmux/foreground.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sstream>
#include <termios.h>
#include <unistd.h>
#include <vector>

namespace ar::terminal {
namespace {

/// Of a file of the kernel's, which says all in one read; for at most so many bytes.
std::string read_proc(std::string const& file, std::size_t most) {
  int const fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text(most, '\0');
  auto const n = ::read(fd, text.data(), text.size());
  ::close(fd);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

std::string proc(pid_t pid, char const* what) { return "/proc/" + std::to_string(pid) + "/" + what; }

struct Stat {
  char state = 0;
  pid_t group = 0, foreground_group = 0;
  unsigned long stack_start = 0;
};

std::optional<Stat> stat_of(pid_t pid) {
  auto const text = read_proc(proc(pid, "stat"), 2048);
  auto const name_end = text.rfind(')');  // the name may hold anything
  Stat stat;
  if (name_end == std::string::npos ||
      std::sscanf(text.c_str() + name_end + 1,
                  " %c %*d %d %*d %*d %d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %*u %*u %*d %*u %*u %*u "
                  "%lu",
                  &stat.state, &stat.group, &stat.foreground_group, &stat.stack_start) != 4)
    return std::nullopt;
  return stat;
}

/// By where in the kernel it sleeps.
bool waits_for_a_line(pid_t pid) {
  auto const where = read_proc(proc(pid, "wchan"), 128);
  return where == "wait_woken" || where == "n_tty_read";
}

/// Whether a process of the group waits inside a read of its terminal; looked for from the leader downwards.
bool group_reads(pid_t leader, pid_t group) {
  std::vector<pid_t> todo{leader};
  for (std::size_t i = 0; i < todo.size() && i < 64; ++i) {
    auto const stat = stat_of(todo[i]);
    if (stat && stat->group == group && stat->state == 'S' && waits_for_a_line(todo[i])) return true;
    std::error_code ec;
    for (auto const& thread : std::filesystem::directory_iterator(proc(todo[i], "task"), ec)) {
      std::istringstream children(read_proc((thread.path() / "children").string(), 4096));
      for (pid_t child = 0; children >> child;) todo.push_back(child);
    }
  }
  return false;
}

}  // namespace

std::optional<Foreground> foreground_process_of(pid_t program) {
  auto const stat = stat_of(program);
  if (!stat) return std::nullopt;
  Foreground now;
  now.group = stat->foreground_group;
  // Where a process's stack begins changes with each exec, and with nothing else.
  if (auto const leader = now.group == program ? stat : stat_of(now.group)) {
    now.image = leader->stack_start;
    now.asleep = leader->state == 'S';
  }
  return now;
}

std::optional<termios> mode_of(std::string const& tty) {
  int const fd = ::open(tty.c_str(), O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  termios mode{};
  bool const known = ::tcgetattr(fd, &mode) == 0;
  ::close(fd);
  return known ? std::optional(mode) : std::nullopt;
}

std::optional<Foreground> foreground_of(pid_t program, std::string const& tty) {
  auto found = foreground_process_of(program);
  auto const mode = mode_of(tty);
  if (!mode || !found) return std::nullopt;

  auto& now = *found;
  now.raw = is_raw(*mode);
  constexpr tcflag_t kReprints = ICANON | ECHO | IEXTEN;
  if ((mode->c_lflag & kReprints) == kReprints && mode->c_cc[VREPRINT] < 0x20)
    now.reprint = static_cast<char>(mode->c_cc[VREPRINT]);
  now.reads_line = !now.raw && group_reads(now.group > 0 ? now.group : program, now.group);
  return found;
}

std::string command_line_of(pid_t pid) {
  auto words = read_proc(proc(pid, "cmdline"), 4096);
  while (words.ends_with('\0')) words.pop_back();
  std::ranges::replace(words, '\0', ' ');
  return words;
}

}  // namespace ar::terminal
