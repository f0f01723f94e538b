#include "cli_process.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace ar::test {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<char*> pointers(std::vector<std::string> const& words) {
  std::vector<char*> list;
  for (auto const& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

int left_until(Clock::time_point deadline) {
  auto const left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(0, left));
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace

CliProcess::CliProcess(std::filesystem::path const& program, std::vector<std::string> const& arguments,
                       std::vector<std::string> const& environment, std::filesystem::path const& directory,
                       bool terminal) {
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto argv = pointers(words);
  auto envp = pointers(environment);
  int child[3];
  if (terminal) {
    winsize size{40, 100, 0, 0};
    int slave = -1;
    if (::openpty(&out_, &slave, nullptr, nullptr, &size) != 0) throw std::runtime_error("openpty failed");
    ::fcntl(out_, F_SETFD, FD_CLOEXEC);
    child[0] = child[1] = child[2] = slave;
  } else {
    int in[2], out[2], err[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0)
      throw std::runtime_error("pipe failed");
    in_ = in[1], out_ = out[0], err_ = err[0];
    child[0] = in[0], child[1] = out[1], child[2] = err[1];
    ::fcntl(in_, F_SETFL, O_NONBLOCK);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  for (int i = 0; i < 3; ++i) posix_spawn_file_actions_adddup2(&actions, child[i], i);
  posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSID));
  int const rc = posix_spawn(&pid_, program.c_str(), &actions, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  ::close(child[0]);
  if (!terminal) ::close(child[1]), ::close(child[2]);
  if (rc != 0) throw std::runtime_error("cannot start " + program.string());
}

CliProcess::~CliProcess() {
  if (!ended_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  close_fd(in_), close_fd(out_), close_fd(err_);
}

Ran CliProcess::finish(std::string input, std::chrono::seconds patience) {
  auto const deadline = Clock::now() + patience;
  Ran ran;
  ran.out = std::move(pending_);
  std::size_t written = 0;
  if (in_ >= 0 && input.empty()) close_fd(in_);
  while (out_ >= 0 || err_ >= 0) {
    pollfd entries[3] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}, {in_, POLLOUT, 0}};
    int const ready = ::poll(entries, 3, left_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      ran.err += "<timeout>";
      return ran;
    }
    char buffer[65536];
    auto const drain = [&](pollfd const& entry, int& fd, std::string& into) {
      if (entry.fd < 0 || entry.revents == 0) return;
      auto const n = ::read(fd, buffer, sizeof buffer);
      if (n > 0)
        into.append(buffer, static_cast<std::size_t>(n));
      else if (n == 0 || errno != EINTR)
        close_fd(fd);  // a pseudo terminal ends with EIO
    };
    drain(entries[0], out_, ran.out);
    drain(entries[1], err_, ran.err);
    if (entries[2].fd >= 0 && entries[2].revents != 0) {
      auto const n = ::write(in_, input.data() + written, input.size() - written);
      if (n > 0) written += static_cast<std::size_t>(n);
      if ((n < 0 && errno != EAGAIN && errno != EINTR) || written == input.size()) close_fd(in_);
    }
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  ended_ = true;
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

std::string CliProcess::read_line(std::chrono::seconds patience) {
  auto const deadline = Clock::now() + patience;
  for (;;) {
    if (auto const end = pending_.find('\n'); end != std::string::npos) {
      auto line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    pollfd entry{out_, POLLIN, 0};
    int const ready = ::poll(&entry, 1, left_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return "<timeout>";
    char buffer[4096];
    auto const n = ::read(out_, buffer, sizeof buffer);
    if (n <= 0) return "<end>";
    pending_.append(buffer, static_cast<std::size_t>(n));
  }
}

CliHome::CliHome() : program(std::filesystem::path(AR_BIN_DIR) / "agent-runner") { ::signal(SIGPIPE, SIG_IGN); }

std::vector<std::string> CliHome::environment(std::vector<std::string> const& more) const {
  std::vector<std::string> list{"HOME=" + dir().string(), "PATH=/usr/bin:/bin", "LANG=C", "TZ=UTC",
                                "AGENT_RUNNER_STATE_DIR=" + state().string()};
  // The sanitizers' own settings reach the program under test too.
  for (char const* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"})
    if (char const* const value = std::getenv(name)) list.push_back(std::string(name) + "=" + value);
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

Ran CliHome::run(std::vector<std::string> const& arguments, std::string input,
                 std::vector<std::string> const& more) const {
  return CliProcess(program, arguments, environment(more), dir()).finish(std::move(input));
}

Ran CliHome::run_on_terminal(std::vector<std::string> const& arguments, std::vector<std::string> const& more) const {
  auto environment_list = environment(more);
  bool const named = std::ranges::any_of(more, [](auto const& entry) { return entry.starts_with("TERM="); });
  if (!named) environment_list.emplace_back("TERM=xterm-256color");
  return CliProcess(program, arguments, environment_list, dir(), true).finish();
}

}  // namespace ar::test
