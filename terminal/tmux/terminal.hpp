// One agent's pane, and the watch over its program's end.
#pragma once
#include "base/process/process_tree.hpp"
#include "terminal/terminal.hpp"
#include "terminal/tmux/control.hpp"

#include <memory>
#include <string>
#include <vector>

namespace ar::terminal {

/// tmux's names of one pane and its surroundings; they never change and are never used twice in a server's
/// life.
struct PaneIds {
  std::string session;  ///< "$3"
  std::string window;   ///< "@3"
  std::string pane;     ///< "%3"
  pid_t pid = 0;
  std::string tty{};  ///< "/dev/pts/3"
};

/// A line of commands that shows what a program has left, and the lines of its reply (`ExitStatus::left`).
std::string show_left(TmuxControl const& control, std::string const& pane);
std::vector<std::string> lines_left(std::string const& reply);

class TmuxTerminal final : public Terminal, public std::enable_shared_from_this<TmuxTerminal> {
 public:
  /// `noted_program`: of an adopted one, the pane's own note of what has to have its input.
  TmuxTerminal(Executor executor, std::shared_ptr<TmuxControl> control, std::shared_ptr<Worker> worker,
               std::string name, PaneIds ids, std::string noted_program = {});

  std::string const& pane() const override { return ids_.pane; }
  std::string const& session() const override { return name_; }
  pid_t pid() const override { return ids_.pid; }
  bool alive() const override { return alive_; }
  bool program_ended() const override { return program_.exited(); }
  void signal(int number) override { program_.signal(number); }
  bool gives_keys() const override;
  std::optional<Foreground> foreground() const override;
  std::string foreground_command() const override;
  awaitable<void> keep_to_program() override;
  bool keep_as_noted() override;
  bool program_has_input() const override { return input_holder() != Holder::another; }
  awaitable<Result<Screen>> capture(bool with_styles) override;
  awaitable<Result<void>> paste(std::string text, std::string label) override;
  awaitable<Result<void>> keys(std::vector<std::string> names) override;
  awaitable<Result<void>> paste_and_enter(std::string text, std::string label) override;
  awaitable<Result<std::string>> last_typed() override;
  awaitable<Result<void>> leave_copy_mode() override;
  awaitable<bool> copy_mode_over(Clock::time_point deadline) override;
  Result<std::unique_ptr<OutputWatch>> watch_output() override;

  // ---- for the host ----
  PaneIds const& ids() const { return ids_; }
  /// Returns how the program ended, once it has. Never gives up before that, but for cancellation.
  awaitable<ExitStatus> wait_exit();
  /// The end has been reported; wakes those in `wait_reported` and in watches.
  void mark_exited();
  awaitable<bool> wait_reported(Clock::time_point deadline);
  /// Ends the program and what it has started: SIGHUP, and after a second's grace SIGKILL. Also for a pane
  /// that no longer exists, whose program nobody could drive and nobody would see.
  /// `ended`: tmux has already seen its end; then only what it left behind.
  awaitable<void> end_program(bool ended = false, ProcessMark mark = 0);
  /// False when tmux certainly has no such pane any more.
  awaitable<bool> pane_exists();
  /// After a new control client took over: watches see output again.
  void link_again();
  /// Somebody hears its output, for which its window is in our own session too.
  bool watched() const { return !watched_.empty(); }
  /// It may have entered or left copy mode.
  void look_at_mode() {
    ++mode_changes_;
    mode_changed_.notify_all();
  }

 private:
  class Watch;
  struct Output;
  std::string to_pane() const { return " -t " + ids_.pane; }
  awaitable<Result<std::vector<std::string>>> call(std::string commands);
  awaitable<Result<void>> type(std::string_view text, std::string const& label, std::string const& keys);
  /// Only what has the input at this moment is typed to; `command`: what tmux calls it.
  struct Kept {
    pid_t group = 0;
    unsigned long image = 0;
    std::string command{};
    std::string command_line{};
  };
  /// `beginning`: an exec is under way, and which program it begins is not told yet.
  enum class Holder { program, another, beginning };
  Holder input_holder() const;
  /// For what changes nothing: asked again when the client dies under it.
  awaitable<Result<std::vector<std::string>>> ask(std::string commands);
  struct Status {
    bool pane_there = false;
    bool drained = false;  ///< nothing more will come on its screen
    ExitStatus exit{0, 0, false};
  };
  awaitable<Status> ask_status(bool ended);
  std::string link_commands() const;
  void listen();
  void unwatch(std::shared_ptr<Output> const& output);

  Executor executor_;
  std::shared_ptr<TmuxControl> control_;
  std::shared_ptr<Worker> worker_;
  std::string const name_;
  PaneIds const ids_;
  std::string noted_program_;
  ServerNumber const server_;
  Process program_;
  std::optional<Kept> kept_{};
  bool alive_ = true;
  Notifier exited_;
  Notifier mode_changed_;
  unsigned mode_changes_ = 0;
  std::vector<std::shared_ptr<Output>> watched_;
};

}  // namespace ar::terminal
