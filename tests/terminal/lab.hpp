// A tmux host on a server of its own, which goes with the test.
#pragma once
#include "support/run.hpp"
#include "support/temp_dir.hpp"
#include "terminal/tmux/tmux_host.hpp"

#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace ar::test {

using namespace ar::terminal;
using namespace std::chrono_literals;

inline std::string slurp(std::filesystem::path const& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

class Lab {
 public:
  TempDir dir;
  net::io_context io{1};
  std::unique_ptr<TmuxHost> host;

  TmuxOptions options() const {
    TmuxOptions o;
    o.socket = dir.path() / "t" / "tmux.sock";
    o.launcher = std::filesystem::path(AR_BIN_DIR) / "agent-runner-launch";
    o.own_scope = !systemd_run_.empty();
    o.systemd_run = systemd_run_;
    return o;
  }
  /// The server is to be started by this program, in a scope.
  void run_in_scope_of(std::filesystem::path const& systemd_run) { systemd_run_ = systemd_run; }
  TerminalSpec spec(std::string session, std::vector<std::string> argv) const {
    TerminalSpec s;
    s.session = std::move(session);
    s.argv = std::move(argv);
    s.environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + dir.path().string(), "LANG=C.UTF-8"};
    s.directory = dir.path();
    return s;
  }
  template <class... Words>
  TerminalSpec spec(std::string session, char const* word, Words... more) const {
    return spec(std::move(session), std::vector<std::string>{word, more...});
  }
  template <class... Words>
  auto start(std::string session, TerminalHost::OnExit on_exit, Words... words) {
    return start(spec(std::move(session), words...), std::move(on_exit));
  }
  template <class... Words>
  auto try_start(std::string session, Words... words) {
    return try_start_on(*host, std::move(session), words...);
  }
  template <class... Words>
  auto try_start_on(TmuxHost& other, std::string session, Words... words) {
    return other.start(spec(std::move(session), words...), {});
  }
  awaitable<void> open() {
    auto opened = co_await TmuxHost::open(io.get_executor(), options());
    REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
    host = std::move(*opened);
  }
  /// As when the daemon ends: the agents go on.
  awaitable<void> close() {
    co_await host->stop();
    host.reset();
  }
  /// What on_exit said. The callback may outlive it, when a check fails.
  class Exit {
   public:
    explicit Exit(Executor executor) : heard_(std::make_shared<Heard>(std::move(executor))) {}
    TerminalHost::OnExit callback() const {
      return [heard = heard_](ExitStatus status) {
        heard->status = status;
        ++heard->reports;
        heard->at = Clock::now();
        heard->changed.notify_all();
      };
    }
    awaitable<ExitStatus> wait() const {
      auto const heard = heard_;
      auto const deadline = Clock::now() + kPatience * 20s;
      while (!heard->status && Clock::now() < deadline) co_await heard->changed.wait(deadline);
      REQUIRE_MESSAGE(heard->status.has_value(), "the exit was not reported");
      co_return *heard->status;
    }
    int reports() const { return heard_->reports; }
    Clock::time_point at() const { return heard_->at; }

   private:
    struct Heard {
      explicit Heard(Executor executor) : changed(std::move(executor)) {}
      std::optional<ExitStatus> status;
      int reports = 0;
      Clock::time_point at{};
      Notifier changed;
    };
    std::shared_ptr<Heard> heard_;
  };
  awaitable<std::shared_ptr<Terminal>> start(TerminalSpec s, TerminalHost::OnExit on_exit = {}) {
    auto started = co_await host->start(std::move(s), std::move(on_exit));
    REQUIRE_MESSAGE(started.has_value(), started.error().message);
    co_return *started;
  }
  /// Waits until the screen shows `text`; returns the screen.
  static awaitable<Screen> until(std::shared_ptr<Terminal> terminal, std::string text) {
    auto watch = terminal->watch_output();
    auto const deadline = Clock::now() + kPatience * 20s;
    for (;;) {
      auto screen = co_await terminal->capture();
      REQUIRE_MESSAGE(screen.has_value(), screen.error().message);
      for (auto const& line : screen->lines)
        if (line.find(text) != std::string::npos) co_return *screen;
      std::string shown;
      for (auto const& line : screen->lines) shown += line + "\n";
      REQUIRE_MESSAGE(Clock::now() < deadline, "never on the screen: " << text << "\n" << shown);
      if (watch) co_await (*watch)->wait(Clock::now() + 1s);
    }
  }
  /// Runs the body with a host open, and ends the server afterwards, also when a check failed.
  template <class Body>
  void with_host(Body body, std::chrono::seconds limit = 60s) {
    auto whole = [&]() -> awaitable<void> {
      co_await open();
      std::exception_ptr error;
      try {
        co_await body();
      } catch (...) {
        error = std::current_exception();
      }
      if (!host) co_await open();
      (void)co_await host->kill_server();
      co_await close();
      if (error) std::rethrow_exception(error);
    };
    run(io, whole, limit);
  }

 private:
  std::string systemd_run_{};
};

/// A number that no other test's `sleep` has.
inline std::string unique_seconds() { return std::to_string(::getpid()) + "98"; }

/// The processes that have this word in their command line.
inline std::vector<pid_t> processes_with(std::string const& word) {
  std::vector<pid_t> found;
  for (auto const& entry : std::filesystem::directory_iterator("/proc")) {
    auto const pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0 && pid != ::getpid() && slurp(entry.path() / "cmdline").find(word) != std::string::npos)
      found.push_back(pid);
  }
  return found;
}

/// SIGKILL takes its time on a busy machine.
inline bool all_gone(std::string const& word) {
  auto const deadline = std::chrono::steady_clock::now() + 10s;
  while (!processes_with(word).empty() && std::chrono::steady_clock::now() < deadline) ::usleep(1000);
  return processes_with(word).empty();
}

}  // namespace ar::test
