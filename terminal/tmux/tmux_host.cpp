#include "terminal/tmux/tmux_host.hpp"

#include "base/ids.hpp"
#include "base/paths.hpp"
#include "base/process/process_memory.hpp"
#include "base/process/process_tree.hpp"
#include "terminal/tmux/control.hpp"
#include "terminal/tmux/launch_file.hpp"
#include "terminal/tmux/terminal.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <unistd.h>
#include <utility>

namespace ar::terminal {
namespace {

using namespace std::chrono_literals;
constexpr auto kReportPatience = 2s;
constexpr auto kLostGrace = 1s;  ///< between asking a program that lost its terminal to end and ending it

/// tmux turns dots of a session's name into this by itself; done here so that `-t` finds what `-s` made.
std::string tmux_name(std::string name) {
  std::ranges::replace(name, '.', '_');
  return name;
}

/// A pane of ours as tmux lists it; each carries its agent's name in a user option.
struct Listed {
  std::string name;
  PaneIds ids;
  bool dead = false;
  ExitStatus exit{};
  std::string program{};  ///< what it is kept to, in its terminal's words
};
constexpr char kListFormat[] =
    " -F '#{@agent-runner} #{session_id} "
    "#{window_id} #{pane_id} #{pane_pid} #{pane_tty} #{pane_dead} code:#{pane_dead_status} signal:#{pane_dead_signal} "
    "#{@agent-runner-program}'";

std::vector<Listed> parse_list(std::string const& body) {
  std::vector<Listed> panes;
  std::istringstream in(body);
  std::string line;
  while (std::getline(in, line)) {
    Listed pane;
    std::string code, signal;
    std::istringstream words(line);
    words >> pane.name >> pane.ids.session >> pane.ids.window >> pane.ids.pane >> pane.ids.pid >> pane.ids.tty >>
        pane.dead >> code >> signal;
    if (!words) continue;
    std::getline(words >> std::ws, pane.program);
    code.erase(0, 5);
    signal.erase(0, 7);
    pane.exit = {std::atoi(code.c_str()), std::atoi(signal.c_str()), !code.empty() || !signal.empty()};
    panes.push_back(std::move(pane));
  }
  return panes;
}

class Host final : public TmuxHost {
 public:
  Host(Executor executor, TmuxOptions options)
      : executor_(executor),
        options_(std::move(options)),
        launch_dir_(options_.socket.string() + ".launch"),
        control_(std::make_shared<TmuxControl>(executor, options_, events())),
        tasks_(executor, "terminals") {}

  awaitable<Result<void>> begin() {
    take_mark_off();
    remove_stale_launch_files(launch_dir_);
    co_return co_await control_->connect();
  }

  awaitable<void> stop() override {
    co_await tasks_.stop();
    co_await control_->stop();
    terminals_.clear();
  }

  awaitable<Result<void>> kill_server() override {
    auto const living = terminals_;
    auto killed = co_await control_->kill_server();
    if (!killed) co_return killed.error();
    for (auto const& [pane, terminal] : living) co_await terminal->wait_reported(Clock::now() + kReportPatience);
    co_return Result<void>();
  }

  void restore_socket() override { control_->restore_socket(); }
  std::optional<Descriptors> descriptors() const override {
    auto const server = control_->server_pid();
    return server > 0 ? descriptors_of(server) : std::nullopt;
  }
  std::string const& version() const override { return control_->version(); }

  awaitable<Result<std::shared_ptr<Terminal>>> start(TerminalSpec spec, OnExit on_exit) override {
    if (!is_safe_name(spec.session)) co_return invalid("session", "\"" + spec.session + "\" cannot name a session");
    if (spec.argv.empty()) co_return invalid("argv", "there is no program to start");
    if (!spec.directory.empty())
      if (auto usable = check_directory(spec.directory); !usable) co_return invalid("cwd", usable.error().message);
    auto connected = co_await control_->connect();
    if (!connected) co_return connected.error();
    auto present = co_await listed();
    if (!present) co_return present.error();
    auto const old =
        std::ranges::find(*present, tmux_name(spec.session), [](Listed const& l) { return tmux_name(l.name); });
    if (old != present->end() && !old->dead)
      co_return conflict("session_exists", "a program runs in session " + spec.session + " already; stop it first");
    std::string commands;
    if (old != present->end()) commands = "kill-session -t '" + old->ids.session + "'\n";

    if (auto dir = make_private_dir(launch_dir_); !dir) co_return dir.error();
    auto file = write_launch_file(launch_dir_, spec);
    if (!file) co_return file.error();
    auto const name = tmux_name(spec.session);
    auto directory = spec.directory.string();  // a format to tmux
    for (auto at = directory.find('#'); at != std::string::npos; at = directory.find('#', at + 2))
      directory.insert(at, "#");
    std::string variables, starter;
    for (auto const& variable : spec.confinement.environment) variables += " -e " + tmux_quote(variable);
    for (auto const& word : spec.confinement.starter) starter += tmux_quote(word) + " ";
    commands +=
        "new-session -d -s " + name + " -n " + name + " -x " + std::to_string(spec.columns) + " -y " +
        std::to_string(spec.rows) + " -c " + tmux_quote(directory) + variables +
        " -P -F 'started #{session_id} #{window_id} #{pane_id} #{pane_pid} #{pane_tty}' -- " + starter +
        tmux_quote(options_.launcher.string()) + " " + tmux_quote(file->string()) + " ; set-option -p -t '=" + name +
        ":' @agent-runner " + spec.session + "\n" +
        // Who looked from a small screen must not leave the agent with it.
        "set-hook -t '=" + name + ":' client-detached \"if-shell -F '#{==:#{session_attached},0}' { resize-window -x " +
        std::to_string(spec.columns) + " -y " + std::to_string(spec.rows) + " ; set-option -w -u window-size }\"";
    auto bodies = co_await control_->call(std::move(commands), control_->server());
    if (!bodies) {
      ::unlink(file->c_str());
      if (bodies.error().message.find("duplicate session") != std::string::npos)
        co_return conflict("session_exists", "tmux has a session " + name + " already; end it first");
      control_->send("kill-session -t '=" + name + "'");  // in case it was made, and the rest failed
      co_return bodies.error();
    }
    for (auto const& body : *bodies) {
      PaneIds ids;
      std::string word;
      std::istringstream words(body);
      if (words >> word >> ids.session >> ids.window >> ids.pane >> ids.pid >> ids.tty; !words || word != "started")
        continue;
      Listed made;
      made.name = std::move(spec.session);
      made.ids = std::move(ids);
      co_return take(std::move(made), std::move(on_exit), std::move(*file));
    }
    co_return internal("tmux_error", "tmux did not say what it started for " + name);
  }

  awaitable<Result<std::shared_ptr<Terminal>>> adopt(FoundTerminal found, OnExit on_exit) override {
    auto known = found_.extract(found.pane);
    if (known && known.mapped().ids.pid == found.pid && found_on_ == control_->server())
      co_return take(std::move(known.mapped()), std::move(on_exit));
    // By its session: a hundred adoptions would have tmux describe ten thousand panes. Somebody may have renamed it.
    for (std::string const& which : {"-s -t '=" + tmux_name(found.session) + ":'", std::string("-a")}) {
      auto present = co_await listed(which);
      if (!present && which == "-a") co_return present.error();
      if (!present) continue;
      auto const pane = std::ranges::find_if(
          *present, [&](Listed const& l) { return l.ids.pane == found.pane && l.ids.pid == found.pid; });
      if (pane == present->end()) continue;
      if (pane->dead) break;
      co_return take(std::move(*pane), std::move(on_exit));
    }
    co_return conflict("terminal_gone", "the program in session " + found.session + " has ended");
  }

  awaitable<Result<std::vector<FoundTerminal>>> list() override {
    auto present = co_await listed();
    if (!present) co_return present.error();
    std::vector<FoundTerminal> found;
    found_.clear();
    found_on_ = control_->server();
    for (auto const& pane : *present) {
      if (!pane.dead) found_[pane.ids.pane] = pane;
      FoundTerminal terminal;
      terminal.session = pane.name;
      terminal.pane = pane.ids.pane;
      terminal.pid = pane.ids.pid;
      terminal.alive = !pane.dead;
      terminal.exit = pane.exit;
      found.push_back(std::move(terminal));
    }
    co_return found;
  }

  awaitable<std::vector<std::string>> left_by(std::string session, std::string pane) override {
    // Without its name it is another server's, which counts from the beginning.
    auto bodies = co_await control_->call("display-message -p -t " + pane + " '#{pane_dead} #{@agent-runner}'\n" +
                                          show_left(*control_, pane));
    if (!bodies || bodies->size() != 2 || bodies->front() != "1 " + session + "\n")
      co_return std::vector<std::string>();
    co_return lines_left(bodies->back());
  }

  awaitable<Result<void>> remove(std::string session, ProcessMark mark) override {
    auto present = co_await listed();
    std::string commands;
    for (auto const& pane : present ? *present : std::vector<Listed>()) {
      if (pane.name != session) continue;
      auto const entry = terminals_.find(pane.ids.pane);
      auto const known = entry == terminals_.end() ? nullptr : entry->second;
      auto const terminal =
          known ? known : std::make_shared<TmuxTerminal>(executor_, control_, worker_, pane.name, pane.ids);
      // The program first and the pane after it, so that its exit status can still be read.
      co_await terminal->end_program(pane.dead, mark);
      if (known) co_await known->wait_reported(Clock::now() + kReportPatience);
      commands += "kill-session -t '" + pane.ids.session + "'\n" + "if-shell -F -t " + pane.ids.window +
                  " '#{==:#{window_id}," + pane.ids.window + "}' { kill-window -t " + pane.ids.window + " }\n";
    }
    if (commands.empty()) {
      ProcessTree left(executor_, *worker_, 0, true, mark);
      co_await left.end(kLostGrace);
    }
    if (!present) co_return present.error();
    if (commands.empty()) co_return Result<void>();
    commands.pop_back();
    auto killed = co_await control_->call(std::move(commands));
    if (!killed && killed.error().message.find("can't find") == std::string::npos) co_return killed.error();
    co_return Result<void>();
  }

  awaitable<void> look_at_memory() override {
    if (memory_.is_fresh()) co_return;
    auto look = [] { return all_processes(); };
    memory_.take(co_await memory_reader_.run(std::move(look)));
  }
  ProcessUse use_of(pid_t root, ProcessMark mark) override {
    return memory_.is_fresh() ? memory_.of(root, mark) : ProcessUse();
  }

  awaitable<ProcessActivity> look_at_activity(pid_t root, ProcessMark mark) override {
    auto look = [root, mark] { return activity_of(root, mark); };
    co_return co_await memory_reader_.run(std::move(look));
  }

  std::string attach_target(std::string const& session) const override {
    for (auto const& [pane, terminal] : terminals_)  // a person may have renamed it
      if (terminal->session() == session) return terminal->ids().session;
    return "=" + tmux_name(session);
  }

 private:
  TmuxControl::Events events() {
    TmuxControl::Events events;
    events.reconnected = [this] {
      for (auto const& [pane, terminal] : terminals_) {
        terminal->link_again();
        terminal->look_at_mode();
        tasks_.spawn_vital("look " + pane, look_for(terminal), options_.on_death);
      }
    };
    events.server_gone = [this] {
      for (auto const& [pane, terminal] : terminals_)
        tasks_.spawn_vital("orphan " + pane, end_program(terminal), options_.on_death);
    };
    events.mode_changed = [this](std::string_view pane) {
      if (auto const found = terminals_.find(std::string(pane)); found != terminals_.end())
        found->second->look_at_mode();
    };
    events.window_closed = [this](std::string_view window) {
      for (auto const& [pane, terminal] : terminals_)
        if (terminal->ids().window == window) tasks_.spawn_vital("look " + pane, look_for(terminal), options_.on_death);
    };
    events.sessions_changed = [this] {
      bool const watched = std::ranges::any_of(terminals_, [](auto const& entry) { return entry.second->watched(); });
      if (watched) tasks_.spawn_vital("closed windows", look_for_closed(), options_.on_death);
    };
    return events;
  }

  /// `which` panes, in tmux's words.
  awaitable<Result<std::vector<Listed>>> listed(std::string which = "-a") {
    auto connected = co_await control_->connect();
    if (!connected) co_return connected.error();
    for (int asked = 0;; ++asked) {
      auto bodies = co_await control_->call("list-panes " + which + " -f '#{&&:#{@agent-runner},#{!=:#{session_id}," +
                                            control_->own_session() + "}}'" + kListFormat);
      if (!bodies) co_return bodies.error();
      auto panes = parse_list(bodies->empty() ? std::string() : bodies->front());
      bool const complete = std::ranges::none_of(panes, [](Listed const& l) { return l.dead && !l.exit.known; });
      if (complete || asked == 3) co_return panes;
      control_->nudge_server();
    }
  }

  /// `launch_file`: of one that has just been launched.
  std::shared_ptr<Terminal> take(Listed pane, OnExit on_exit, std::filesystem::path launch_file = {}) {
    auto const terminal = std::make_shared<TmuxTerminal>(executor_, control_, worker_, std::move(pane.name),
                                                         std::move(pane.ids), std::move(pane.program));
    terminals_[terminal->pane()] = terminal;
    auto report = report_exit(terminal, std::move(on_exit), std::move(launch_file));
    tasks_.spawn_vital("exit " + terminal->pane(), std::move(report), options_.on_death);
    return terminal;
  }

  awaitable<void> report_exit(std::shared_ptr<TmuxTerminal> terminal, OnExit on_exit,
                              std::filesystem::path launch_file) {
    auto status = co_await terminal->wait_exit();
    if (!launch_file.empty() && status.signal == 0 && status.code != 0) {
      status.not_started = take_launch_failure(launch_file);
      if (::unlink(launch_file.c_str()) == 0) {  // the launcher, which takes it, never ran
        status.not_started = "it could not be started in a control group";
        for (auto const& line : status.left) status.not_started += ": " + line;
      }
    }
    if (auto const entry = terminals_.find(terminal->pane()); entry != terminals_.end() && entry->second == terminal)
      terminals_.erase(entry);
    terminal->mark_exited();
    if (on_exit) on_exit(status);
  }
  awaitable<void> look_for(std::shared_ptr<TmuxTerminal> terminal) {
    bool const exists = co_await terminal->pane_exists();
    if (!exists) co_await terminal->end_program();
  }
  awaitable<void> end_program(std::shared_ptr<TmuxTerminal> terminal) { co_await terminal->end_program(); }
  /// A window that only our own session holds any more, since it is watched, was closed by somebody.
  awaitable<void> look_for_closed() {
    auto const living = terminals_;
    auto open = co_await control_->call("list-windows -a -f '#{!=:#{session_id}," + control_->own_session() +
                                        "}' -F '#{window_id}'");
    if (!open) co_return;
    std::string const windows = "\n" + (open->empty() ? std::string() : open->front());
    for (auto const& [pane, terminal] : living)
      if (terminal->watched() && windows.find("\n" + terminal->ids().window + "\n") == std::string::npos)
        tasks_.spawn_vital("closed " + pane, end_program(terminal), options_.on_death);
  }

  Executor executor_;
  TmuxOptions const options_;
  std::filesystem::path const launch_dir_;
  std::shared_ptr<TmuxControl> control_;
  std::shared_ptr<Worker> const worker_ = std::make_shared<Worker>();  ///< looks at /proc
  std::map<std::string, std::shared_ptr<TmuxTerminal>> terminals_;     ///< by pane; until their exit is reported
  std::map<std::string, Listed> found_{};  ///< by pane: what list() has told of, until it is adopted
  ServerNumber found_on_ = 0;
  ProcessMemory memory_{};
  Worker memory_reader_;  ///< by itself: whoever lists agents must not wait until those that die have gone
  TaskGroup tasks_;
};

}  // namespace

awaitable<Result<std::unique_ptr<TmuxHost>>> TmuxHost::open(Executor executor, TmuxOptions options) {
  auto host = std::make_unique<Host>(executor, std::move(options));
  auto begun = co_await host->begin();
  if (!begun) {
    co_await host->stop();
    co_return begun.error();
  }
  co_return std::unique_ptr<TmuxHost>(std::move(host));
}

}  // namespace ar::terminal
