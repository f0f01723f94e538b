// Where an agent's provider lives: a terminal that outlives the daemon. Adapters drive this, never tmux itself.
//
// Text and keys reach the program that they are meant for, or nothing is typed at all (`nothing_typed`).
//
// Interface because adapters are tested against a scripted terminal; the product has one implementation,
// terminal/tmux. All calls on the io thread. A terminal that is gone answers with code `terminal_gone`; a tmux server
// that is gone with `tmux_gone`.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/process/process_activity.hpp"
#include "base/process/process_list.hpp"
#include "base/process/process_memory.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace ar::terminal {

/// How the provider's process ended.
struct ExitStatus {
  int code = 0;               ///< meaningless when `signal` is set
  int signal = 0;             ///< 0: it exited by itself
  bool known = true;          ///< false: it ended while nobody watched, or tmux itself is gone
  std::string not_started{};  ///< why its program never ran, for people; empty: it did
  /// The last lines it left on its screen and just above it; a line is whole, however narrow the screen is.
  std::vector<std::string> left{};
};

/// What a person would see, and where the cursor is.
struct Screen {
  std::vector<std::string> lines;  ///< UTF-8, trailing blanks removed; with SGR sequences when asked for
  int cursor_x = 0;
  int cursor_y = 0;
  bool copy_mode = false;       ///< a person is scrolling: keys would go to tmux, not to the program
  bool bracketed_paste = true;  ///< what the program asked for, where the terminal can tell; true when it cannot
  std::string command{};        ///< the foreground command's name
};

/// What has a terminal's input.
struct Foreground {
  pid_t group = 0;          ///< its process group
  unsigned long image = 0;  ///< of the group's leader: another one after each exec; 0: not told
  bool asleep = false;      ///< that leader waits for something
  bool raw = false;         ///< it reads keys; else lines, which the kernel edits
  char reprint = 0;         ///< the key that makes the kernel show the line being typed once more; 0: none does
  bool reads_line = false;  ///< it waits for a line at this moment
};

class Terminal {
 public:
  virtual ~Terminal() = default;
  virtual std::string const& pane() const = 0;     ///< "%12"
  virtual std::string const& session() const = 0;  ///< tmux session name, for attaching
  virtual pid_t pid() const = 0;                   ///< of the program; also after its end
  virtual bool alive() const = 0;                  ///< its end has not been reported
  /// The kernel's word, which comes first: its last words may not have been read yet.
  virtual bool program_ended() const { return !alive(); }
  /// To the program, and to nothing that may have its number later.
  virtual void signal(int number) = 0;
  /// Whether each key is given to what has the input, and not whole lines; false when the system does not tell. (A part
  /// of foreground(), at a tenth of its price.)
  virtual bool gives_keys() const { return false; }
  /// Nothing when the system does not tell.
  virtual std::optional<Foreground> foreground() const { return std::nullopt; }
  /// The command line of what has the input; empty when the system does not tell.
  virtual std::string foreground_command() const { return {}; }
  /// From now on text and keys go to what has the input now, and to nothing else: `another_program`. A name that the
  /// same program gives itself is no other program.
  virtual awaitable<void> keep_to_program() { co_return; }
  /// The same for what was kept to before a restart of the daemon. False: that was not noted.
  virtual bool keep_as_noted() { return false; }
  virtual bool program_has_input() const { return true; }

  virtual awaitable<Result<Screen>> capture(bool with_styles = false) = 0;
  /// Puts text into the program's input as one paste; bracketed when the program asked for that. Any bytes but NUL.
  /// `label`: what `last_typed` says from then on, unless empty.
  virtual awaitable<Result<void>> paste(std::string text, std::string label = {}) = 0;
  /// Presses keys by tmux's names ("Enter", "Escape", "C-s", "C-u"), in order.
  virtual awaitable<Result<void>> keys(std::vector<std::string> names) = 0;
  /// paste and then Enter in one uninterrupted write, for programs that stand it.
  virtual awaitable<Result<void>> paste_and_enter(std::string text, std::string label = {}) = 0;
  /// The label of what was pasted last; empty: none had one. Noted by the terminal's host in the same step as the
  /// typing, so it tells after a crash of the daemon what was typed and what was not.
  virtual awaitable<Result<std::string>> last_typed() {
    co_return conflict("unsupported", "this terminal does not note what was typed");
  }
  /// Leaves copy mode if it is on.
  virtual awaitable<Result<void>> leave_copy_mode() = 0;
  /// Waits until nobody scrolls any more: true; false at the deadline or when the terminal is gone.
  virtual awaitable<bool> copy_mode_over(Clock::time_point /*deadline*/) { co_return true; }
  /// Between begin and the watch's destruction, output of the program wakes `OutputWatch::wait`: an event, no polling.
  class OutputWatch {
   public:
    virtual ~OutputWatch() = default;
    /// True when the program has written since the last wait (or since begin); false at the deadline.
    virtual awaitable<bool> wait(Clock::time_point deadline) = 0;
    /// What it wrote since the last call, raw, at most the last 64 KiB.
    virtual std::string take() = 0;
  };
  /// Hears what the program writes once it has got what is typed after this call; fails when the terminal is gone.
  virtual Result<std::unique_ptr<OutputWatch>> watch_output() = 0;
};

/// Whether this error of paste, keys or paste_and_enter says that certainly nothing was typed: the program has ended
/// (`terminal_gone`), a person scrolls (`copy_mode`), another program has the input (`another_program`), or the host
/// did not take the text as it is (`not_typed`), nor ever will.
inline bool nothing_typed(Error const& error) {
  return error.code == "terminal_gone" || error.code == "copy_mode" || error.code == "another_program" ||
         error.code == "not_typed";
}

/// What keeps a program and all that it starts together and within limits, from its first moment.
struct Confinement {
  std::vector<std::string> starter{};      ///< a command that becomes what stands after it, in a control group; or none
  std::vector<std::string> environment{};  ///< for the starter besides, "K=V", no secrets
  std::filesystem::path group{};           ///< a control group that it goes into by itself; empty: none
  std::int64_t data_bytes = 0;             ///< that each process may have; 0: no limit
  std::int64_t user_tasks = 0;             ///< that its user may have when one is to be added; 0: no limit
};

struct TerminalSpec {
  std::string session;                   ///< safe name; one session per agent
  std::vector<std::string> argv;         ///< no shell in between
  std::vector<std::string> environment;  ///< complete, "K=V"; never shows up in tmux's listings or any argv
  std::filesystem::path directory;
  int columns = 120;
  int rows = 40;
  ProcessMark mark = 0;
  Confinement confinement{};
};

/// What the host finds when it looks: after a daemon's restart, the terminals to adopt.
struct FoundTerminal {
  std::string session;
  std::string pane;
  pid_t pid = 0;
  bool alive = true;
  ExitStatus exit{};
};

class TerminalHost {
 public:
  virtual ~TerminalHost() = default;
  using OnExit = std::function<void(ExitStatus)>;

  /// Starts the program in a session of its own; `on_exit` is called once, within milliseconds of its end. A dead
  /// session of that name is replaced; a living one is a conflict (`session_exists`).
  virtual awaitable<Result<std::shared_ptr<Terminal>>> start(TerminalSpec spec, OnExit on_exit) = 0;
  /// Takes over a living terminal found by `list`.
  virtual awaitable<Result<std::shared_ptr<Terminal>>> adopt(FoundTerminal found, OnExit on_exit) = 0;
  virtual awaitable<Result<std::vector<FoundTerminal>>> list() = 0;
  /// `ExitStatus::left` of a program that ended while nobody watched. Empty: nothing, or it is not there any more.
  virtual awaitable<std::vector<std::string>> left_by(std::string /*session*/, std::string /*pane*/) {
    co_return std::vector<std::string>();
  }
  /// Ends the session and whatever still runs in it, and everything that has the mark: what the program started and
  /// then let go of, and a program that outlived its terminal. Of an error, the processes have been ended all the same.
  virtual awaitable<Result<void>> remove(std::string session, ProcessMark mark = 0) = 0;
  /// For use_of(), which knows nothing a second later. Reads all of /proc, on a thread.
  virtual awaitable<void> look_at_memory() { co_return; }
  /// Of a program with this process and this mark, and of everything that runs because of it.
  virtual ProcessUse use_of(pid_t /*root*/, ProcessMark /*mark*/) { return {}; }
  /// Of a program with this process and this mark, and of everything that runs because of it; without processes:
  /// nobody can tell. Reads all of /proc, on a thread.
  virtual awaitable<ProcessActivity> look_at_activity(pid_t /*root*/, ProcessMark /*mark*/) {
    co_return ProcessActivity();
  }
  /// What tmux calls this terminal's session, for a person to attach to: `=NAME`, or `$NUMBER`.
  virtual std::string attach_target(std::string const& session) const = 0;
};

}  // namespace ar::terminal
