// The terminal host on tmux (3.2 or newer): each agent in a session of its own on a tmux server of ours,
// which goes on when the daemon goes. One control-mode client drives everything and hears what happens; there
// is no process per command or per agent, and nothing is polled.
//
// What callers rely on, beyond terminal.hpp:
// - Writes of one terminal must be serialised by its user (one delivery at a time); each single call is
//   uninterruptible, also for keys that a person presses.
// - `conflict/copy_mode` from paste, keys and paste_and_enter: a person is scrolling; nothing at all was typed.
//   `terminal_gone`: the program has ended; nothing was typed. Any other error of these may have typed: look.
// - The control client may die: it is replaced at once, calls made meanwhile wait for it, calls already under way fail
//   with `tmux_gone`. When the server itself dies, every terminal's exit is reported with `known` false once its
//   process is certainly gone, and the next start() begins a new server.
// - What a program writes just before it ends may be missing on its screen and in watches: tmux 3.3a forgets what it
//   has not read by then.
// - A session name's '.' is '_' in tmux, which reserves the dot; all names here are the callers' own.
#pragma once
#include "base/descriptors.hpp"
#include "terminal/terminal.hpp"
#include "terminal/tmux/options.hpp"

#include <memory>
#include <optional>
#include <string>

namespace ar::terminal {

class TmuxHost : public TerminalHost {
 public:
  /// Connects to the server at `socket`, or starts one. The one that `record` names is told to make its socket again
  /// where that has gone. Errors: tmux_missing, tmux_too_old, tmux_failed.
  static awaitable<Result<std::unique_ptr<TmuxHost>>> open(Executor executor, TmuxOptions options);

  /// Lets go of everything and leaves the agents running; on_exit is not called any more. Await it before
  /// destroying the host. Terminals that are still held answer `tmux_gone` from then on.
  virtual awaitable<void> stop() = 0;
  /// Ends the server and with it every session on it; the exits are reported (`known` false).
  virtual awaitable<Result<void>> kill_server() = 0;
  /// Has the server make its socket again if somebody has removed it. Agents are not touched.
  virtual void restore_socket() = 0;
  /// Of its server; nothing: there is none, or it cannot be told.
  virtual std::optional<Descriptors> descriptors() const = 0;
  /// "3.3a".
  virtual std::string const& version() const = 0;
};

}  // namespace ar::terminal
