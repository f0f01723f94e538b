#include "terminal/tmux/terminal.hpp"

#include "terminal/tmux/foreground.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <utility>

namespace ar::terminal {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t kKeptOutput = 64U << 10;
constexpr auto kStatusPatience = 500ms;  ///< for tmux to learn what the kernel told us
constexpr auto kExecPatience = 100ms;    ///< for a program that takes another's place to get its command line
constexpr int kDrainTries = 2;           ///< for tmux to read a program's last words once it has its status
constexpr int kLinesAbove = 100;         ///< of a screen, that are looked at once its program has ended
constexpr auto kGrace = 1s;              ///< between asking a program to end and ending it

Error terminal_gone(std::string const& name) {
  return conflict("terminal_gone", "the program in terminal " + name + " has ended");
}

}  // namespace

struct TmuxTerminal::Output {
  explicit Output(Executor const& executor) : more(executor) {}
  std::string bytes{};
  bool fresh = false;
  Notifier more;
};

class TmuxTerminal::Watch final : public OutputWatch {
 public:
  Watch(std::shared_ptr<TmuxTerminal> terminal, std::shared_ptr<Output> output)
      : terminal_(std::move(terminal)), output_(std::move(output)) {}
  ~Watch() override { terminal_->unwatch(output_); }
  awaitable<bool> wait(Clock::time_point deadline) override {
    auto const output = output_;
    while (!output->fresh && Clock::now() < deadline) co_await output->more.wait(deadline);
    co_return std::exchange(output->fresh, false);
  }
  std::string take() override { return std::exchange(output_->bytes, {}); }

 private:
  std::shared_ptr<TmuxTerminal> terminal_;
  std::shared_ptr<Output> output_;
};

TmuxTerminal::TmuxTerminal(Executor executor, std::shared_ptr<TmuxControl> control, std::shared_ptr<Worker> worker,
                           std::string name, PaneIds ids, std::string noted_program)
    : executor_(executor),
      control_(std::move(control)),
      worker_(std::move(worker)),
      name_(std::move(name)),
      ids_(std::move(ids)),
      noted_program_(std::move(noted_program)),
      server_(control_->server()),
      program_(executor, ids_.pid),
      exited_(executor),
      mode_changed_(executor) {}

awaitable<Result<std::vector<std::string>>> TmuxTerminal::call(std::string commands) {
  auto bodies = co_await control_->call(std::move(commands), server_);
  if (!bodies && bodies.error().code == "tmux_error" && bodies.error().message.find("can't find") != std::string::npos)
    co_return terminal_gone(name_);
  co_return bodies;
}

awaitable<Result<std::vector<std::string>>> TmuxTerminal::ask(std::string commands) {
  auto bodies = co_await call(commands);
  // The client died meanwhile: asking the next one does no harm. Without a server it fails again, at once.
  if (!bodies && bodies.error().code == "tmux_gone") bodies = co_await call(std::move(commands));
  co_return bodies;
}

awaitable<Result<Screen>> TmuxTerminal::capture(bool with_styles) {
  auto const commands = "display-message -p -t " + ids_.pane +
                        " '#{pane_id} #{cursor_x} #{cursor_y} #{?pane_in_mode,1,0} #{pane_current_command}'\n" +
                        control_->fenced("capture-pane -p -t " + ids_.pane + (with_styles ? " -e" : ""));
  auto bodies = co_await ask(commands);
  if (!bodies) co_return bodies.error();
  Screen screen;
  char pane[16] = "";
  int mode = 0, command_at = 0;
  if (bodies->size() != 2 || std::sscanf(bodies->front().c_str(), "%15s %d %d %d %n", pane, &screen.cursor_x,
                                         &screen.cursor_y, &mode, &command_at) != 4)
    co_return internal("tmux_error", "tmux described terminal " + name_ + " in an unknown way");
  if (ids_.pane != pane) co_return terminal_gone(name_);
  screen.copy_mode = mode != 0;
  screen.command = bodies->front().substr(static_cast<std::size_t>(command_at));
  if (!screen.command.empty()) screen.command.pop_back();
  std::string_view rest = bodies->back();
  while (!rest.empty()) {
    auto const end = std::min(rest.find('\n'), rest.size());
    auto const text = rest.substr(0, end);
    screen.lines.emplace_back(text.substr(0, text.find_last_not_of(' ') + 1));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  co_return screen;
}

namespace {

/// As one side of a comparison in a format.
std::string in_format(std::string_view text) {
  std::string escaped;
  for (char const c : text) {
    if (c == '#' || c == ',' || c == '}') escaped += '#';
    escaped += c;
  }
  return escaped;
}

}  // namespace

bool TmuxTerminal::gives_keys() const {
  auto const mode = program_.exited() ? std::nullopt : mode_of(ids_.tty);
  return mode && is_raw(*mode);
}

std::optional<Foreground> TmuxTerminal::foreground() const {
  return program_.exited() ? std::nullopt : foreground_of(ids_.pid, ids_.tty);
}

std::string TmuxTerminal::foreground_command() const {
  auto const now = program_.exited() ? std::nullopt : foreground_process_of(ids_.pid);
  return now ? command_line_of(now->group) : std::string();
}

bool TmuxTerminal::keep_as_noted() {
  kept_.reset();
  Kept kept;
  std::istringstream words(noted_program_);
  if (words >> kept.group >> kept.image && std::getline(words >> std::ws, kept.command)) kept_ = std::move(kept);
  return kept_.has_value();
}

awaitable<void> TmuxTerminal::keep_to_program() {
  kept_.reset();
  auto screen = co_await capture(false);
  auto const now = foreground();
  if (!screen || !now || now->image == 0) co_return;
  Kept kept{now->group, now->image, std::move(screen->command), command_line_of(now->group)};
  noted_program_ = std::to_string(kept.group) + " " + std::to_string(kept.image) + " " + kept.command;
  co_await ask("set-option -p" + to_pane() + " @agent-runner-program " + tmux_quote(noted_program_));
  kept_ = std::move(kept);
}

/// By the kernel's words, and not by a name that a program may give itself. One that begins anew is the same.
TmuxTerminal::Holder TmuxTerminal::input_holder() const {
  auto const now = kept_ && !program_.exited() ? foreground_process_of(ids_.pid) : std::nullopt;
  if (!now) return Holder::program;
  if (now->group != kept_->group) return Holder::another;
  if (now->image == kept_->image) return Holder::program;
  auto const command_line = command_line_of(now->group);
  if (command_line.empty()) return Holder::beginning;
  return command_line == kept_->command_line ? Holder::program : Holder::another;
}

/// One command list: tmux does all of it at once, and nothing of what follows a command that fails. Whether the input
/// reaches the program it is meant for is decided in it, too. (Pasting into a dead pane crashes tmux 3.3a.)
awaitable<Result<void>> TmuxTerminal::type(std::string_view text, std::string const& label, std::string const& keys) {
  if (text.find('\0') != std::string_view::npos) co_return invalid("text", "a paste cannot hold a NUL byte");
  std::string fill, drop, act;
  if (!text.empty()) {
    // The newest buffer, which has no name: formats know the size of no other. It is gone again when the list is done.
    fill = "set-buffer -- " + tmux_quote(text) + " ; ";
    if (!label.empty()) act = "set-option -p" + to_pane() + " @agent-runner-typed " + tmux_quote(label) + " ; ";
    // -p: bracketed when the program asked for it; -r: newlines stay newlines; -d: the buffer goes with the paste.
    act += "paste-buffer -p -r -d" + to_pane();
    drop = " ; delete-buffer";
  }
  if (!keys.empty()) act += (act.empty() ? "" : " ; ") + ("send-keys" + to_pane() + " -- " + keys);

  std::string const refused = "not typed\n";
  std::string command_now;
  auto holder = Holder::program;
  for (int tries = 0; tries < 3; ++tries) {
    if (!alive_) co_return terminal_gone(name_);
    holder = input_holder();
    for (auto const end = Clock::now() + kExecPatience; holder == Holder::beginning && Clock::now() < end;) {
      co_await sleep_for(1ms);
      holder = input_holder();
    }
    if (holder != Holder::program) break;
    if (kept_ && !command_now.empty()) kept_->command = command_now;  // it calls itself another name now
    // Not dead, in no mode; all of the text, and nothing else; the program. At once: each comparison takes tmux long.
    std::string is = "#{pane_dead}#{pane_in_mode}", must_be = "00";
    if (!text.empty()) is += " #{buffer_size}", must_be += " " + std::to_string(text.size());
    if (kept_) is += " #{pane_current_command}", must_be += " " + in_format(kept_->command);
    auto typed = co_await call(fill + "if-shell -F" + to_pane() + " " + tmux_quote("#{!=:" + is + "," + must_be + "}") +
                               " { display-message -p 'not typed'" + drop + " } { " + act + " }");
    if (!typed) co_return typed.error();
    if (std::ranges::find(*typed, refused) == typed->end()) co_return Result<void>();
    // What was in the way is asked for only now: tmux parses every word of a command list, also of what it skips.
    auto state = co_await ask("display-message -p" + to_pane() +
                              " '#{?pane_dead,1,0} #{?pane_in_mode,1,0} #{pane_current_command}'");
    if (!state) co_return state.error();
    if (state->empty() || state->front().starts_with("1 ")) co_return terminal_gone(name_);
    if (state->front().starts_with("0 1 "))
      co_return conflict("copy_mode", "a person is scrolling in terminal " + name_ + "; nothing was typed");
    command_now = state->front().substr(std::string_view("0 0 ").size());
    command_now.erase(command_now.find_last_not_of('\n') + 1);
  }
  if (holder == Holder::program && (!kept_ || kept_->command == command_now))
    co_return internal("not_typed", "tmux did not take the text as it is for terminal " + name_ +
                                        "; nothing was typed. Please report this, with tmux's version");
  auto const which = foreground_command();
  co_return conflict("another_program", "another program has the input of terminal " + name_ +
                                            (which.empty() ? "" : " (" + which + ")") + "; nothing was typed");
}

awaitable<Result<void>> TmuxTerminal::paste(std::string text, std::string label) {
  std::string const no_keys;
  if (text.empty()) co_return Result<void>();
  co_return co_await type(text, label, no_keys);
}

awaitable<Result<void>> TmuxTerminal::paste_and_enter(std::string text, std::string label) {
  std::string const enter = "Enter";
  co_return co_await type(text, label, enter);
}

awaitable<Result<void>> TmuxTerminal::keys(std::vector<std::string> names) {
  if (names.empty()) co_return Result<void>();
  std::string words;
  for (auto const& name : names) words += " " + tmux_quote(name);
  std::string const no_text;
  co_return co_await type(no_text, no_text, words);
}

awaitable<Result<std::string>> TmuxTerminal::last_typed() {
  auto bodies = co_await ask("display-message -p -t " + ids_.pane + " '#{pane_id} #{@agent-runner-typed}'");
  if (!bodies) co_return bodies.error();
  auto const prefix = ids_.pane + " ";
  if (bodies->empty() || !bodies->front().starts_with(prefix)) co_return terminal_gone(name_);
  auto label = bodies->front().substr(prefix.size());
  label.erase(label.find_last_not_of('\n') + 1);
  co_return label;
}

awaitable<Result<void>> TmuxTerminal::leave_copy_mode() {
  if (!alive_) co_return terminal_gone(name_);
  auto left = co_await ask("if-shell -F -t " + ids_.pane + " '#{pane_in_mode}' { copy-mode -q -t " + ids_.pane + " }");
  if (!left) co_return left.error();
  co_return Result<void>();
}

awaitable<bool> TmuxTerminal::copy_mode_over(Clock::time_point deadline) {
  while (alive_ && Clock::now() < deadline) {
    auto const changes = mode_changes_;
    auto bodies = co_await ask("display-message -p -t " + ids_.pane + " '#{pane_id} #{?pane_in_mode,1,0}'");
    if (!bodies) co_return false;
    if (!bodies->empty() && bodies->front() == ids_.pane + " 0\n") co_return true;
    if (changes == mode_changes_) co_await mode_changed_.wait(deadline);
  }
  co_return false;
}

// ---- output ----

// tmux sends a control client the output of the windows of its own session only. So a watched window is
// linked into
// our own session: an event, no process, nothing for panes that nobody watches, no change of size (our client has
// `ignore-size`), and nothing that a person's client would notice. `pause` when the watch ends is essential:
// tmux keeps a pane's output for a client that once heard it, also after the unlinking. (`off` would be
// worse: with no other client, tmux then stops reading from the program.)

std::string TmuxTerminal::link_commands() const {
  return "link-window -d -s " + ids_.window + " -t '" + control_->own_session() + ":'\nrefresh-client -A '" +
         ids_.pane + ":continue'";
}

void TmuxTerminal::listen() {
  auto const weak = weak_from_this();
  control_->route(ids_.pane, [weak](std::string bytes) {
    auto const self = weak.lock();
    if (!self) return;
    for (auto const& output : self->watched_) {
      output->bytes += bytes;
      if (output->bytes.size() > kKeptOutput) output->bytes.erase(0, output->bytes.size() - kKeptOutput);
      output->fresh = true;
      output->more.notify_all();
    }
  });
}

Result<std::unique_ptr<Terminal::OutputWatch>> TmuxTerminal::watch_output() {
  if (!alive_ || server_ != control_->server()) return terminal_gone(name_);
  bool const first = watched_.empty();
  auto const output = std::make_shared<Output>(executor_);
  watched_.push_back(output);
  if (first) {
    listen();
    // Nobody waits for the answer: what is asked for next comes after it. A client that dies first is replaced, and the
    // next one links it again.
    control_->send(link_commands());
  }
  return std::unique_ptr<OutputWatch>(std::make_unique<Watch>(shared_from_this(), output));
}

void TmuxTerminal::unwatch(std::shared_ptr<Output> const& output) {
  std::erase(watched_, output);
  if (!watched_.empty()) return;
  control_->route(ids_.pane, {});
  // -k ends the window only if it is nowhere else any more, that is, when its own session was killed
  // meanwhile.
  if (server_ == control_->server())
    control_->send("refresh-client -A '" + ids_.pane + ":pause'\nunlink-window -k -t '" + control_->own_session() +
                   ":" + ids_.window + "'");
}

void TmuxTerminal::link_again() {
  if (watched_.empty()) return;
  listen();
  control_->send(link_commands());
  for (auto const& output : watched_) {
    output->fresh = true;
    output->more.notify_all();
  }
}

// ---- the program's end ----

std::string show_left(TmuxControl const& control, std::string const& pane) {
  return control.fenced("capture-pane -p -J -S -" + std::to_string(kLinesAbove) + " -t " + pane);
}

std::vector<std::string> lines_left(std::string const& reply) {
  std::vector<std::string> lines;
  std::istringstream in(reply);
  for (std::string line; std::getline(in, line);) {
    line.erase(line.find_last_not_of(' ') + 1);
    if (!line.empty() && !line.starts_with("Pane is dead (")) lines.push_back(std::move(line));  // tmux 3.2 says that
  }
  return lines;
}

awaitable<TmuxTerminal::Status> TmuxTerminal::ask_status(bool ended) {
  Status status;
  auto bodies = co_await ask("display-message -p -t " + ids_.pane +
                             " '#{pane_id}|#{pane_pid}|#{pane_dead_status}|#{pane_dead_signal}|#{pane_dead}'" +
                             (ended ? "\n" + show_left(*control_, ids_.pane) : std::string()));
  std::vector<std::string> fields(1);
  for (char const c : bodies && !bodies->empty() ? bodies->front() : std::string()) {
    if (c == '|')
      fields.emplace_back();
    else
      fields.back() += c;
  }
  if (fields.size() < 5 || fields[0] != ids_.pane || fields[1] != std::to_string(ids_.pid)) co_return status;
  status.pane_there = true;
  status.exit.code = std::atoi(fields[2].c_str());
  status.exit.signal = std::atoi(fields[3].c_str());
  status.exit.known = !fields[2].empty() || !fields[3].empty();
  status.drained = fields[4].starts_with('1');
  if (status.drained && bodies->size() == 2) status.exit.left = lines_left(bodies->back());
  co_return status;
}

awaitable<ExitStatus> TmuxTerminal::wait_exit() {
  // It may have ended before we had its handle; if tmux says it lives, the handle is certainly its.
  auto status = co_await ask_status(false);
  if (!status.exit.known) {
    while (!program_.exited()) co_await program_.wait();
  }
  auto const since = Clock::now();
  for (int asked = 0, undrained = 0;; ++asked) {
    control_->nudge_server();
    // The first answer says only that tmux hears signals again: it is deaf to them while it signs the terminal off.
    bool const may_know = asked > 0;
    status = co_await ask_status(may_know);
    if (!status.pane_there || Clock::now() - since > kStatusPatience) break;
    if (!may_know) continue;
    // What it started may hold its terminal open for ever.
    if (status.exit.known && (status.drained || ++undrained > kDrainTries)) break;
    if (asked > 3) co_await sleep_for(asked < 100 ? 500us : 10ms);
  }
  co_return status.exit;
}

void TmuxTerminal::mark_exited() {
  alive_ = false;
  exited_.notify_all();
  mode_changed_.notify_all();
  for (auto const& output : watched_) {
    output->fresh = true;
    output->more.notify_all();
  }
}

awaitable<bool> TmuxTerminal::wait_reported(Clock::time_point deadline) {
  while (alive_ && Clock::now() < deadline) co_await exited_.wait(deadline);
  co_return !alive_;
}

awaitable<bool> TmuxTerminal::pane_exists() {
  auto bodies = co_await ask("display-message -p -t " + ids_.pane + " '#{pane_id}'");
  if (!bodies) co_return true;  // the client died under us: whoever replaces it looks again
  co_return !bodies->empty() && bodies->front() == ids_.pane + "\n";
}

awaitable<void> TmuxTerminal::end_program(bool ended, ProcessMark mark) {
  ProcessTree tree(executor_, *worker_, ids_.pid, ended || program_.exited(), mark);
  co_await tree.end(kGrace);
}

}  // namespace ar::terminal
