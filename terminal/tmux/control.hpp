// One control-mode client of a tmux server of our own, replaced when it dies. Commands of all callers go down
// one stream in the order of the calls; answers and notifications come back up it.
//
// The client sits in a session of its own, made as `_ctl`, whose one pane is dead: it holds no process, and the
// output of an agent reaches us only while its window is linked in there (route/link, see terminal.cpp).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/process/process.hpp"
#include "terminal/tmux/control_parser.hpp"
#include "terminal/tmux/options.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace ar::terminal {

/// One word that tells a server from the next one at the same socket: 0 is "any", it grows with each.
using ServerNumber = std::uint64_t;

class TmuxControl {
 public:
  struct Events {
    std::function<void()> reconnected;  ///< a new client serves; output since the old one's end was missed
    std::function<void()> server_gone;  ///< and every program on it has lost its terminal
    std::function<void(std::string_view)> mode_changed;   ///< "%4" entered or left copy mode
    std::function<void(std::string_view)> window_closed;  ///< "@4" may have ended, or only left our session
    std::function<void()> sessions_changed;               ///< one has begun or ended
  };
  TmuxControl(Executor executor, TmuxOptions options, Events events);

  /// Makes sure that a server serves: joins it, waits for a reconnection under way, or starts one.
  awaitable<Result<void>> connect();
  awaitable<void> stop();
  /// Ends the server, and with it all that runs on it.
  awaitable<Result<void>> kill_server();

  /// Runs commands, one or more lines of tmux's language without a final newline, in one uninterrupted write,
  /// and returns the bodies of their replies. None may wait inside tmux (run-shell, wait-for). Errors:
  /// `tmux_error` with tmux's words when one fails, `timeout`, `tmux_gone` when there is no client or it died
  /// meanwhile, or when `server` is not the one that serves. A server that takes nothing gets no more than 32 MiB.
  awaitable<Result<std::vector<std::string>>> call(std::string commands, ServerNumber server = 0);
  /// The same without waiting for an answer, and dropped when nobody is there to hear it, or does not listen.
  void send(std::string commands);
  /// A command that shows a screen, as a line of commands for `call` whose reply no screen can forge.
  std::string fenced(std::string_view command) const { return fence_of(mark_).around(command); }

  /// Where the output of a pane goes while it is linked in `_ctl`; an empty sink ends that.
  using OutputSink = std::function<void(std::string bytes)>;
  void route(std::string const& pane, OutputSink sink);

  ServerNumber server() const { return server_; }
  pid_t server_pid() const { return server_process_ ? server_process_->pid() : 0; }  ///< 0: none yet
  /// "$0": the session of ours, whose name anybody may change.
  std::string const& own_session() const { return own_session_; }
  /// Has the server make its socket again if it has gone.
  void restore_socket() const;
  /// Makes the server collect its dead children: tmux 3.3a sometimes misses the signal that tells it to.
  void nudge_server() const;
  std::string const& version() const { return version_; }

 private:
  struct Connection;
  struct Call;
  using ConnectionPtr = std::shared_ptr<Connection>;
  enum class State { idle, serving, reconnecting, stopped };

  awaitable<Result<void>> recall_server();
  void remember_server() const;
  awaitable<Result<void>> start_or_join();
  awaitable<Result<void>> let_news_pass();
  awaitable<Result<void>> attach(bool may_start);
  awaitable<Result<void>> greet(ConnectionPtr connection, bool may_start);
  awaitable<void> read(ConnectionPtr connection);
  awaitable<void> write(ConnectionPtr connection);
  awaitable<void> reap(ConnectionPtr connection);
  awaitable<void> reconnect();
  awaitable<Result<std::vector<std::string>>> run(ConnectionPtr connection, std::string commands);
  std::shared_ptr<Call> enqueue(Connection& connection, std::string commands);
  void handle(Connection& connection, ControlEvent event);
  void lost(ConnectionPtr const& connection);

  Executor executor_;
  TmuxOptions const options_;
  Events const events_;
  std::string const
      mark_;  ///< random, so that no program can show it; the words that end calls and fences begin with it
  std::string version_;
  std::string own_session_;
  std::filesystem::path program_;

  State state_ = State::idle;
  ConnectionPtr connection_;
  std::optional<Process> server_process_;
  bool killed_ = false;  ///< the server's end is our doing
  ServerNumber server_ = 0;
  std::uint64_t calls_ = 0;
  std::unordered_map<std::string, OutputSink> sinks_;
  std::unordered_set<std::string> paused_;  ///< panes nobody listens to, whose output tmux was told not to keep
  AsyncMutex connecting_;
  Notifier changed_;
  TaskGroup tasks_;
};

}  // namespace ar::terminal
