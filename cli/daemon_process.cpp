#include "cli/daemon_process.hpp"

#include "base/instance.hpp"
#include "base/kernel.hpp"
#include "base/process/spawn.hpp"
#include "cli/api_client.hpp"

#include <boost/asio/io_context.hpp>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ar::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;
// Reconciling hundreds of agents on a busy machine takes a while; a hung daemon must not hang its caller for
// good.
constexpr std::chrono::seconds start_patience{60};
// For a daemon that we have not started to answer or to be gone.
constexpr std::chrono::seconds other_patience{10};
constexpr std::chrono::milliseconds look_again{50};
constexpr std::size_t longest_line = 64U << 10;

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd() { close(); }
  Fd(Fd const&) = delete;
  Fd& operator=(Fd const&) = delete;
  void reset(int fd) {
    close();
    fd_ = fd;
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Held while one caller starts the daemon, so that the others find it running instead of racing it.
class StartLock {
 public:
  Result<void> take(Paths const& paths) {
    if (auto made = make_private_dir(paths.state_dir); !made) return made.error();
    auto const file = paths.state_dir / "start.lock";
    fd_.reset(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (fd_.get() < 0) return from_errno("cannot open " + file.string(), errno);
    // flock has no deadline of its own; a signal ends it.
    struct sigaction alarm_action {
    }, before{};
    alarm_action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &alarm_action, &before);
    ::alarm(static_cast<unsigned>(start_patience.count()) + 10);
    int const rc = ::flock(fd_.get(), LOCK_EX);
    int const reason = errno;
    ::alarm(0);
    ::sigaction(SIGALRM, &before, nullptr);
    if (rc == 0) return {};
    if (reason == EINTR)
      return timed_out("another agent-runner has been starting the daemon for over a minute; see agent-runner doctor");
    return from_errno("cannot lock " + file.string(), reason);
  }

 private:
  Fd fd_;
};

Result<std::filesystem::path> beside(std::string const& program) {
  auto const path = executable_dir() / program;
  if (::access(path.c_str(), X_OK) != 0)
    return unavailable("program_missing", path.string() +
                                              " is missing; it is installed beside agent-runner: install or "
                                              "build the whole of it");
  return path;
}

/// Our environment without what would make the daemon take itself for an agent.
std::vector<std::string> daemon_environment() {
  std::vector<std::string> list;
  for (char** entry = environ; *entry; ++entry) {
    std::string_view const text(*entry);
    if (text.starts_with("AGENT_RELAY_TOKEN") || text.starts_with("AGENT_RUNNER_SOCKET=") ||
        text.starts_with("AGENT_RELAY_PROVIDER_SESSION_ID="))
      continue;
    list.emplace_back(text);
  }
  return list;
}

/// Waits until there is something to read (the end of the file too); false at the deadline.
bool readable(int fd, SteadyClock::time_point deadline) {
  for (;;) {
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
    pollfd entry{fd, POLLIN, 0};
    int const ready = ::poll(&entry, 1, static_cast<int>(left > 0 ? left : 0));
    if (ready < 0 && errno == EINTR) continue;
    return ready > 0;
  }
}

/// The first line, without its end; what came before the end of file counts as one. Nothing at the deadline.
std::optional<std::string> read_line(int fd, SteadyClock::time_point deadline) {
  std::string line;
  for (;;) {
    if (!readable(fd, deadline)) return std::nullopt;
    char byte = 0;
    auto const n = ::read(fd, &byte, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || byte == '\n' || line.size() >= longest_line) return line;
    line += byte;
  }
}

/// Who has enabled the systemd service wants the daemon to be that one. False: it is not enabled, or did not start.
bool start_service() {
  char const* const config = std::getenv("XDG_CONFIG_HOME");
  char const* const home = std::getenv("HOME");
  auto const folder =
      config && *config == '/' ? std::filesystem::path(config) : std::filesystem::path(home ? home : "/") / ".config";
  std::error_code unknown;
  if (!std::filesystem::is_symlink(folder / "systemd/user/default.target.wants/agent-runner.service", unknown))
    return false;
  auto const systemctl = find_executable("systemctl");
  if (!systemctl) return false;
  SpawnSpec const spec{.executable = *systemctl,
                       .arguments = {"--user", "--quiet", "start", "agent-runner.service"},
                       .environment = daemon_environment()};
  boost::asio::io_context io;
  auto starting = spawn(io.get_executor(), spec);
  if (!starting) return false;
  // It returns when the daemon is ready.
  Fd const end(open_pidfd(starting->id()));
  if (end.get() < 0 || !wait_for_exit(end.get(), start_patience)) return false;
  boost::system::error_code failed;
  return starting->wait(failed) == 0 && !failed;
}

/// True: one answers. False: there is none, or none any more. One that was started by somebody else, is just ending, or
/// has lost its socket and makes it again, is waited for.
Result<bool> await_other_daemon(Paths const& paths) {
  for (auto const deadline = SteadyClock::now() + other_patience;;) {
    auto const reached = ApiClient({paths.control_socket()}).reach();
    if (reached) return true;
    if (reached.error().code != "daemon_away") return reached.error();
    auto const holder = living_instance(paths.state_dir);
    if (!holder) return false;
    if (!holder->socket.empty() && holder->socket != paths.control_socket())
      return conflict("already_running", "process " + std::to_string(holder->pid) + " serves " +
                                             paths.state_dir.string() + " at " + holder->socket.string() +
                                             "; end it, or choose another --state-dir");
    if (SteadyClock::now() > deadline) return no_answer(holder->pid, paths.control_socket());
    if (Fd const process(open_pidfd(holder->pid)); process.get() >= 0) (void)wait_for_exit(process.get(), look_again);
  }
}

}  // namespace

Error no_answer(pid_t pid, std::filesystem::path const& socket) {
  auto const number = std::to_string(pid);
  auto const who = "the daemon (process " + number + ") does not answer at " + socket.string();
  auto const stat = read_file("/proc/" + number + "/stat", 4096);
  auto const state = stat ? stat->rfind(") ") : std::string::npos;  // the name may hold anything
  if (state != std::string::npos && (stat->at(state + 2) == 'T' || stat->at(state + 2) == 't'))
    return Error{ErrorKind::timeout, "daemon_hangs", who + ": it is stopped; let it go on with: kill -CONT " + number};
  return Error{ErrorKind::timeout, "daemon_hangs",
               who + "; agent-runner logs may say why. End it with: kill -KILL " + number +
                   " (the agents go on, and the next command starts another daemon)"};
}

Result<void> end_unreachable(Paths const& paths, pid_t pid, std::chrono::milliseconds patience) {
  // Opened before the second look, so that the number cannot have gone to another process.
  Fd const process(open_pidfd(pid));
  auto const holder = living_instance(paths.state_dir);
  if (process.get() < 0 || !holder || holder->pid != pid) return {};
  if (::syscall(SYS_pidfd_send_signal, process.get(), SIGTERM, nullptr, 0) != 0)
    return from_errno("cannot end the daemon (process " + std::to_string(pid) + ")", errno);
  if (!wait_for_exit(process.get(), patience)) return no_answer(pid, paths.control_socket());
  return {};
}

Result<void> start_daemon(Paths const& paths) {
  if (auto given = check_kernel(); !given) return given.error();
  auto const program = beside("agent-runnerd");
  if (!program) return program.error();
  StartLock lock;
  if (auto taken = lock.take(paths); !taken) return taken.error();
  auto const there = await_other_daemon(paths);
  if (!there) return there.error();
  if (*there) return {};
  if (!std::getenv("AGENT_RUNNER_STATE_DIR") && start_service()) return {};

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return from_errno("cannot create a pipe", errno);
  Fd read_end(ends[0]), write_end(ends[1]);
  SpawnSpec spec{.executable = *program, .arguments = {"--ready-fd", "1"}, .environment = daemon_environment()};
  if (std::getenv("AGENT_RUNNER_STATE_DIR"))
    spec.arguments.insert(spec.arguments.end(), {"--state-dir", paths.state_dir.string()});
  spec.directory = "/";
  spec.out = write_end.get();
  boost::asio::io_context io;
  auto daemon = spawn(io.get_executor(), spec);
  if (!daemon) return daemon.error();
  write_end.close();

  auto const line = read_line(read_end.get(), SteadyClock::now() + start_patience);
  if (!line) {
    daemon->detach();
    return timed_out("the daemon (process " + std::to_string(daemon->id()) + ") was not ready within " +
                     std::to_string(start_patience.count()) + " s; see " + paths.log_file().string());
  }
  if (*line == "READY") {
    daemon->detach();
    return {};
  }
  // Without READY there is no daemon: the handle's destructor makes sure of it.
  // Somebody else (systemd, another program) may have been faster, which is as good.
  if (ApiClient probe({paths.control_socket()}); probe.reach()) return {};
  if (line->starts_with("ERROR "))
    return Error{ErrorKind::unavailable, "daemon_failed", "the daemon did not start: " + line->substr(6)};
  return unavailable("daemon_failed", "the daemon ended before it was ready; see " + paths.log_file().string() +
                                          ", or run it here: agent-runner daemon");
}

int open_pidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

bool wait_for_exit(int pidfd, std::chrono::milliseconds patience) {
  return readable(pidfd, SteadyClock::now() + patience);
}

Error become(std::string const& program, std::vector<std::string> const& arguments) {
  auto const path = beside(program);
  if (!path) return path.error();
  std::vector<std::string> words{path->string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(path->c_str(), argv.data());
  return from_errno("cannot run " + path->string(), errno);
}

Result<std::string> output_of(std::string const& program, std::vector<std::string> const& arguments, int& code) {
  if (auto given = check_kernel(); !given) return given.error();
  auto const path = beside(program);
  if (!path) return path.error();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return from_errno("cannot create a pipe", errno);
  Fd read_end(ends[0]), write_end(ends[1]);
  SpawnSpec spec{.executable = *path, .arguments = arguments, .environment = daemon_environment()};
  spec.out = write_end.get();
  spec.err = STDERR_FILENO;
  boost::asio::io_context io;
  auto process = spawn(io.get_executor(), spec);
  if (!process) return process.error();
  write_end.close();
  std::string output;
  char buffer[65536];
  auto const deadline = SteadyClock::now() + start_patience;
  for (;;) {
    if (!readable(read_end.get(), deadline))
      return timed_out(path->string() + " gave no answer within " + std::to_string(start_patience.count()) + " s");
    auto const n = ::read(read_end.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    output.append(buffer, static_cast<std::size_t>(n));
  }
  boost::system::error_code ec;
  code = process->wait(ec);
  if (ec) return internal("wait_failed", "cannot wait for " + path->string() + ": " + ec.message());
  return output;
}

}  // namespace ar::cli
