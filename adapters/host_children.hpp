// What the host programs of agents (codex/host_main.cpp, acp/host/host_main.cpp) have in common: small, static programs
// without a thread that stand between a terminal and an agent.
#pragma once
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace ar::host {

inline std::int64_t now_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000LL + time.tv_nsec / 1'000'000;
}

/// The end of a file; empty: it cannot be read.
inline std::string read_text(std::string const& file, std::size_t last_bytes) {
  int const fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  if (auto const size = ::lseek(fd, 0, SEEK_END); size > static_cast<off_t>(last_bytes))
    ::lseek(fd, size - static_cast<off_t>(last_bytes), SEEK_SET);
  else
    ::lseek(fd, 0, SEEK_SET);
  std::string text(last_bytes, '\0');
  auto const n = ::read(fd, text.data(), text.size());
  ::close(fd);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

/// Ends all that the agent left behind. It has become ours (PR_SET_CHILD_SUBREAPER).
inline void end_children() {
  auto const file = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  for (int round = 0; round < 100; ++round) {
    auto const children = read_text(file, 65'536);
    if (children.empty()) return;
    for (char const* at = children.c_str(); *at;) {
      char* end = nullptr;
      auto const pid = static_cast<pid_t>(std::strtol(at, &end, 10));
      if (end == at) break;
      // Only those that were killed are waited for: what they leave behind comes to us meanwhile, and is next.
      if (pid > 0 && ::kill(pid, SIGKILL) == 0) ::waitpid(pid, nullptr, 0);
      at = end;
    }
  }
}

}  // namespace ar::host
