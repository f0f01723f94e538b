// Runs a program with given input and environment, and takes what it says, its status and its time.
#pragma once
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace ar::test {

struct Ran {
  int status = -1;  ///< exit status; 128 + signal
  std::string out, err;
  std::chrono::milliseconds took{};
};

/// `input`: nothing for a closed stdin. Kills the program after 60 s.
inline Ran run_program(std::string const& path, std::vector<std::string> arguments,
                       std::vector<std::string> environment, std::optional<std::string> input = "") {
  int in[2], out[2], err[2];
  if (::pipe2(in, O_CLOEXEC) || ::pipe2(out, O_CLOEXEC) || ::pipe2(err, O_CLOEXEC)) throw std::runtime_error("pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (input)
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  else
    posix_spawn_file_actions_addclose(&actions, 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  std::vector<char*> argv, envp;
  arguments.insert(arguments.begin(), path);
  for (auto& argument : arguments) argv.push_back(argument.data());
  for (auto& variable : environment) envp.push_back(variable.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // the program may leave before it has taken its input
  auto const start = std::chrono::steady_clock::now();
  ::pid_t pid = 0;
  int const failed = ::posix_spawn(&pid, path.c_str(), &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  for (int fd : {in[0], out[1], err[1]}) ::close(fd);
  if (failed) throw std::runtime_error("cannot start " + path);

  Ran ran;
  ::fcntl(in[1], F_SETFL, O_NONBLOCK);
  std::size_t written = 0;
  bool in_open = true, out_open = true, err_open = true;
  auto const close_input = [&] {
    ::close(in[1]);
    in_open = false;
  };
  if (!input || input->empty()) close_input();
  while (out_open || err_open) {
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(60)) {
      ::kill(pid, SIGKILL);
      break;
    }
    pollfd fds[3] = {
        {in_open ? in[1] : -1, POLLOUT, 0}, {out_open ? out[0] : -1, POLLIN, 0}, {err_open ? err[0] : -1, POLLIN, 0}};
    ::poll(fds, 3, 1000);
    if (fds[0].revents) {
      auto const n = ::write(in[1], input->data() + written, input->size() - written);
      if (n > 0) written += static_cast<std::size_t>(n);
      if (n < 0 || written == input->size()) close_input();
    }
    char bytes[65536];
    auto const take = [&](pollfd const& fd, std::string& to, bool& open) {
      if (!fd.revents) return;
      auto const n = ::read(fd.fd, bytes, sizeof bytes);
      if (n > 0)
        to.append(bytes, static_cast<std::size_t>(n));
      else
        open = false;
    };
    take(fds[1], ran.out, out_open);
    take(fds[2], ran.err, err_open);
  }
  if (in_open) close_input();
  ::close(out[0]);
  ::close(err[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  ran.took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

}  // namespace ar::test
