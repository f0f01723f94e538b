// agent-runner-codex DIR view|no-view CODEX ARGUMENT...: an agent's process when its provider is Codex.
//
// Runs the app server (CODEX ARGUMENT..., which is to listen at DIR/app.sock) behind the terminal and, before
// it, the screen of the thread that DIR/thread names: `CODEX resume THREAD --remote ...`. The screen is
// started again when it ends, and anew when the file is written again. The app server is the agent: when it
// ends, everything else is ended and this process ends the same way. Static and without a thread; what it
// starts dies with it.
//
// SIGTERM is handed on: the app server lets its turn end first. SIGHUP (a terminal that closes) does not wait
// for that.
#include "adapters/host_children.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr int kSecondSignalAfter = 100;   ///< ms; two at once could be taken for one
constexpr int kScreenGrace = 1'000;       ///< ms between asking the screen to end and ending it
constexpr int kSteadyLife = 5'000;        ///< ms; a screen that lived as long is started again at once
constexpr int kLongestPause = 30'000;     ///< ms
constexpr std::size_t kLogShown = 4'096;  ///< bytes of the server's last words

using ar::host::now_ms;
using ar::host::read_text;

/// Starts a program that dies with us. `log`: where the server writes; empty: it gets the terminal.
pid_t start(std::vector<std::string> words, std::string const& log) {
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t const parent = ::getpid();
  pid_t const pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!log.empty()) {
    ::setsid();  // keys pressed at the terminal are not for it
    int const in = ::open("/dev/null", O_RDONLY);
    int const out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    if (in > 2) ::close(in);
    if (out > 2) ::close(out);
  }
  ::execv(argv[0], argv.data());
  std::fprintf(stderr, "agent-runner: cannot start %s: %s\n", argv[0], std::strerror(errno));
  ::_exit(127);
}

class Host {
 public:
  Host(std::string dir, bool view, std::vector<std::string> server)
      : dir_(std::move(dir)), view_(view), server_words_(std::move(server)) {}

  int run() {
    ::prctl(PR_SET_CHILD_SUBREAPER,
            1);  // what the server's commands leave behind comes to us, and ends with us
    terminal_known_ = ::tcgetattr(STDIN_FILENO, &terminal_) == 0;
    // Ctrl-C and the like are pressed for the screen; between two screens nobody is meant.
    for (int const ignored : {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE}) ::signal(ignored, SIG_IGN);
    sigset_t watched;
    ::sigemptyset(&watched);
    for (int const one : {SIGCHLD, SIGTERM, SIGHUP}) ::sigaddset(&watched, one);
    ::sigprocmask(SIG_BLOCK, &watched, nullptr);
    int const signals = ::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    int const files = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (signals < 0 || files < 0 || ::inotify_add_watch(files, dir_.c_str(), IN_MOVED_TO | IN_CLOSE_WRITE) < 0) {
      std::fprintf(stderr, "agent-runner: cannot watch %s: %s\n", dir_.c_str(), std::strerror(errno));
      return 127;
    }
    server_ = start(server_words_, dir_ + "/server.log");
    if (server_ < 0) {
      std::fprintf(stderr, "agent-runner: cannot start a process: %s\n", std::strerror(errno));
      return 127;
    }
    say("Codex is starting.");
    read_thread();
    while (server_ > 0) {
      look_after_screen();
      pollfd waits[2] = {{signals, POLLIN, 0}, {files, POLLIN, 0}};
      ::poll(waits, 2, patience());
      if (waits[0].revents) take_signals(signals);
      if (waits[1].revents) take_changes(files);
      if (second_signal_at_ > 0 && now_ms() >= second_signal_at_) {
        second_signal_at_ = 0;
        if (server_ > 0) ::kill(server_, SIGTERM);
      }
    }
    end_screen();
    ar::host::end_children();  // commands that outlived the server
    return finish();
  }

 private:
  static void say(std::string const& text) {
    std::printf("\033[?1049l\033[?2004l\033[?1000l\033[?1006l\033[?25h\033[0m\r\nagent-runner: %s\r\n", text.c_str());
    std::fflush(stdout);
  }

  int patience() const {
    std::int64_t next = -1;
    auto const sooner = [&](std::int64_t at) {
      if (at > 0 && (next < 0 || at < next)) next = at;
    };
    sooner(second_signal_at_);
    sooner(kill_screen_at_);
    if (screen_ <= 0 && !thread_.empty() && view_) sooner(screen_at_);
    return next < 0 ? -1 : static_cast<int>(std::max<std::int64_t>(next - now_ms(), 0));
  }

  void take_signals(int fd) {
    signalfd_siginfo info{};
    while (::read(fd, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGCHLD || server_ <= 0) continue;
      ::kill(server_, SIGTERM);
      if (info.ssi_signo == SIGHUP) second_signal_at_ = now_ms() + kSecondSignalAfter;
    }
    reap();
  }

  void reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid == server_) {
        server_ = 0;
        server_status_ = status;
      } else if (pid == screen_) {
        screen_ended(status);
      }
    }
  }

  void take_changes(int fd) {
    alignas(inotify_event) char buffer[4096];
    bool ours = false;
    for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
      for (char const* at = buffer; at < buffer + n;) {
        auto const* event = reinterpret_cast<inotify_event const*>(at);
        if (event->len > 0 && std::strcmp(event->name, "thread") == 0) ours = true;
        at += sizeof(inotify_event) + event->len;
      }
    if (ours) read_thread();
  }

  void read_thread() {
    auto text = read_text(dir_ + "/thread", 256);
    text = text.substr(0, text.find('\n'));
    if (text.empty()) return;
    thread_ = text;
    failures_ = 0;
    screen_at_ = now_ms();
    if (screen_ > 0 && kill_screen_at_ == 0) {
      ::kill(screen_, SIGTERM);
      kill_screen_at_ = now_ms() + kScreenGrace;
    }
  }

  void look_after_screen() {
    if (screen_ > 0 && kill_screen_at_ > 0 && now_ms() >= kill_screen_at_) ::kill(screen_, SIGKILL);
    if (screen_ > 0 || !view_ || thread_.empty() || now_ms() < screen_at_) return;
    // The resumed thread keeps its own settings; these are the screen's.
    screen_ = start({server_words_.front(), "resume", thread_, "--remote", "unix://" + dir_ + "/app.sock", "-c",
                     "check_for_update_on_startup=false"},
                    {});
    screen_since_ = now_ms();
    kill_screen_at_ = 0;
  }

  void screen_ended(int status) {
    screen_ = 0;
    kill_screen_at_ = 0;
    if (terminal_known_) ::tcsetattr(STDIN_FILENO, TCSANOW, &terminal_);
    if (screen_at_ > screen_since_) return;  // it was to show another thread
    failures_ = now_ms() - screen_since_ >= kSteadyLife ? 0 : std::min(failures_ + 1, 10);
    auto const pause = failures_ == 0 ? 0 : std::min(250 << failures_, kLongestPause);
    screen_at_ = now_ms() + pause;
    auto const how = WIFEXITED(status) ? "status " + std::to_string(WEXITSTATUS(status))
                                       : "signal " + std::to_string(WTERMSIG(status));
    say("Codex's screen ended (" + how + ") and is shown again" +
        (pause > 0 ? " in " + std::to_string(pause) + " ms." : std::string(".")));
  }

  void end_screen() {
    if (screen_ <= 0) return;
    ::kill(screen_, SIGTERM);
    auto const deadline = now_ms() + kScreenGrace;
    while (screen_ > 0) {
      pollfd wait{-1, 0, 0};
      ::poll(&wait, 0, 5);
      reap();
      if (screen_ > 0 && now_ms() >= deadline) {
        ::kill(screen_, SIGKILL);
        ::waitpid(screen_, nullptr, 0);
        screen_ = 0;
      }
    }
    if (terminal_known_) ::tcsetattr(STDIN_FILENO, TCSANOW, &terminal_);
  }

  int finish() const {
    if (WIFEXITED(server_status_) && WEXITSTATUS(server_status_) == 0) return 0;
    auto const how = WIFEXITED(server_status_) ? "status " + std::to_string(WEXITSTATUS(server_status_))
                                               : "signal " + std::to_string(WTERMSIG(server_status_));
    auto words = read_text(dir_ + "/server.log", kLogShown);
    say("Codex's app server ended with " + how + ". Its last words:");
    std::printf("%s\r\n", words.c_str());
    std::fflush(stdout);
    if (WIFEXITED(server_status_)) return WEXITSTATUS(server_status_);
    int const signal = WTERMSIG(server_status_);
    ::signal(signal, SIG_DFL);
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
    ::raise(signal);
    return 128 + signal;
  }

  std::string const dir_;
  bool const view_;
  std::vector<std::string> const server_words_;
  termios terminal_{};
  bool terminal_known_ = false;
  pid_t server_ = 0, screen_ = 0;
  int server_status_ = 0;
  std::string thread_{};
  std::int64_t screen_since_ = 0, screen_at_ = 0, kill_screen_at_ = 0, second_signal_at_ = 0;
  int failures_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: agent-runner-codex DIR view|no-view CODEX ARGUMENT...\n");
    return 2;
  }
  std::vector<std::string> server(argv + 3, argv + argc);
  Host host(argv[1], std::strcmp(argv[2], "view") == 0, std::move(server));
  return host.run();
}
