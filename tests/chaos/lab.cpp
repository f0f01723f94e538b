#include "chaos/lab.hpp"

#include "chaos/sandbox.hpp"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ar::chaos {
namespace fs = std::filesystem;
namespace {

fs::path make_dir() {
  std::string pattern = (fs::temp_directory_path() / "ar-chaos-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
  fs::create_directories(fs::path(pattern) / "s");
  fs::create_directories(fs::path(pattern) / "w");
  return pattern;
}

std::string slurp(fs::path const& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();  // which, unlike an iterator, does not throw when a process ends while it is read about
  return text.str();
}

}  // namespace

// ---- processes ----

Target::Target(pid_t pid) : pid_(pid), fd_(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1) {}
Target::~Target() {
  if (fd_ >= 0) ::close(fd_);
}

std::string Target::command_line() const { return slurp("/proc/" + std::to_string(pid_) + "/cmdline"); }

void Target::kill() const {
  if (fd_ >= 0) (void)::syscall(SYS_pidfd_send_signal, fd_, SIGKILL, nullptr, 0);
}

bool Target::wait_gone() const {
  pollfd end{fd_, POLLIN, 0};
  return fd_ < 0 || ::poll(&end, 1, 10'000) > 0;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> all;
  std::error_code ec;
  for (auto const& thread : fs::directory_iterator("/proc/" + std::to_string(pid) + "/task", ec)) {
    std::ifstream in(thread.path() / "children");
    for (pid_t child = 0; in >> child;) all.push_back(child);
  }
  return all;
}

std::vector<pid_t> descendants_of(pid_t pid) {
  auto all = children_of(pid);
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto const more = children_of(all[i]);
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

Outcome run_program(std::vector<std::string> const& words, std::string const& home) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  std::vector<std::string> environment{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + home, "LANG=C.UTF-8",
                                       "TERM=xterm-256color", "AGENT_RUNNER_MEMORY_PRESSURE=false"};
  std::vector<char*> argv, envp;
  for (auto const& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  for (auto& entry : environment) envp.push_back(entry.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  Outcome outcome;
  pid_t pid = -1;
  int const rc = ::posix_spawn(&pid, words.front().c_str(), &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  char buffer[65536];
  if (rc == 0)
    for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
      outcome.out.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  if (rc == 0 && ::waitpid(pid, &status, 0) == pid)
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

// ---- the lab ----

Lab::Lab(std::size_t small_disk) : dir_(make_dir()), api_(state() / "run" / "control.sock") {
  ::signal(SIGPIPE, SIG_IGN);
  if (small_disk > 0) no_disk_ = mount_small_disk(state(), small_disk);
}

Lab::~Lab() {
  (void)run({"--no-start", "down", "--agents"});
  if (auto const pid = daemon_pid()) Target(*pid).kill();
  if (auto const server = tmux_server_pid()) {
    Target const target(*server);
    target.kill();
    target.wait_gone();
  }
  (void)::umount2(state().c_str(), MNT_DETACH);
  std::error_code ignored;
  fs::remove_all(dir_, ignored);
}

Outcome Lab::run(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {std::string(AR_BIN_DIR) + "/agent-runner", "--state-dir", state().string()});
  return run_program(arguments, work().string());
}

std::optional<pid_t> Lab::daemon_pid() const {
  pid_t pid = 0;
  if (!(std::ifstream(state() / "daemon.lock") >> pid)) return std::nullopt;
  std::error_code ec;
  auto const program = fs::read_symlink("/proc/" + std::to_string(pid) + "/exe", ec);
  if (ec || program.filename() != "agent-runnerd") return std::nullopt;
  return pid;
}

std::optional<pid_t> Lab::tmux_server_pid() const {
  auto const socket = (state() / "run" / "tmux.sock").string();
  auto const said =
      run_program({"/usr/bin/tmux", "-N", "-S", socket, "display-message", "-p", "#{pid}"}, work().string());
  if (said.status != 0) return std::nullopt;
  return static_cast<pid_t>(std::atoi(said.out.c_str()));
}

std::optional<pid_t> Lab::tmux_client_pid() const {
  auto const daemon = daemon_pid();
  if (!daemon) return std::nullopt;
  for (auto const child : children_of(*daemon))
    if (Target(child).command_line().find("tmux") != std::string::npos) return child;
  return std::nullopt;
}

fs::path Lab::keep() const {
  auto const kept = fs::path(dir_.string() + ".kept");
  fs::create_directories(kept);
  for (auto const* name : {"daemon.log", "journal.db", "journal.db-wal", "relay/relay.db", "relay/relay.db-wal"}) {
    std::error_code ignored;
    fs::copy_file(state() / name, kept / fs::path(name).filename(), ignored);
  }
  std::error_code ignored;
  fs::copy(work(), kept / "w", fs::copy_options::recursive | fs::copy_options::skip_symlinks, ignored);
  return kept;
}

}  // namespace ar::chaos
