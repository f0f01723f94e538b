#include "terminal/tmux/control.hpp"

#include "base/descriptors.hpp"
#include "base/ids.hpp"
#include "base/paths.hpp"
#include "base/peer.hpp"
#include "base/process/process_info.hpp"
#include "base/process/run_program.hpp"
#include "base/process/spawn.hpp"
#include "terminal/tmux/scope.hpp"
#include "terminal/tmux/version.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace ar::terminal {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t kMostUnsent = 32U << 20;  ///< of a server that takes nothing: more can only be late
constexpr auto kPatience = 10s;                 ///< for an answer; a server that takes longer is stopped or drowning
constexpr auto kFarewell = 1s;                  ///< for the client or the server to go by itself
constexpr std::size_t kLongestRecord = 8192;
constexpr auto kEnding = 20ms;  ///< for a server that is told to end, before the next look, and for last words

/// For the client, and through it for the server: nothing of the daemon's own environment.
std::vector<std::string> clean_environment() {
  char const* const home = std::getenv("HOME");
  std::vector<std::string> environment{"PATH=/usr/local/bin:/usr/bin:/bin", "SHELL=/bin/sh", "LC_ALL=C.UTF-8"};
  environment.push_back(std::string("HOME=") + (home && *home ? home : "/"));
  return environment;
}

/// What the server must be like; set on every connection, and before the first pane is made.
void add_server_options(std::vector<std::string>& words) {
  static constexpr std::array<std::array<char const*, 3>, 17> kOptions{{
      {"-s", "exit-empty", "off"},
      {"-s", "escape-time", "0"},      // an Escape key is one, at once
      {"-s", "extended-keys", "off"},  // later versions lose newlines of pastes with it
      {"-s", "set-clipboard", "off"},  // an agent's output must not reach a person's clipboard
      {"-s", "default-terminal", "tmux-256color"},
      {"-g", "default-size", "120x40"},
      {"-g", "destroy-unattached", "off"},
      {"-g", "detach-on-destroy", "on"},
      {"-g", "history-limit", "10000"},
      {"-g", "status", "off"},           // the agent keeps its rows when a person looks
      {"-g", "update-environment", ""},  // nor does a person's environment come in
      {"-g", "bell-action", "none"},
      {"-gw", "window-size", "latest"},
      {"-gw", "aggressive-resize", "off"},
      {"-gw", "remain-on-exit", "on"},  // or the exit status would be lost
      {"-gw", "allow-rename", "off"},
      {"-gw", "automatic-rename", "off"},
  }};
  for (auto const& option : kOptions) {
    words.insert(words.end(), {";", "set-option"});
    words.insert(words.end(), option.begin(), option.end());
  }
  // The screen of a dead program stays as it was. (-q: tmux 3.2 does not know this one, and never draws
  // there.)
  words.insert(words.end(), {";", "set-option", "-gwq", "remain-on-exit-format", ""});
  // tmux 3.3a crashes, and takes every agent with it, when something is pasted into a dead pane.
  words.insert(words.end(),
               {";", "bind-key", "-T", "prefix", "]", "if-shell", "-F", "#{pane_dead}", "", "paste-buffer -p"});
  words.insert(words.end(), {";", "unbind-key", "-q", "-T", "prefix", "="});
}

std::vector<std::string> client_arguments(std::filesystem::path const& socket, bool may_start) {
  std::vector<std::string> words{"-u", "-S", socket.string(), "-f", "/dev/null", "-C"};
  if (!may_start) words.push_back("-N");
  words.push_back("start-server");
  add_server_options(words);
  words.insert(words.end(), {";", "new-session", "-A", "-s", "_ctl", "-n", "_ctl", "-x", "120", "-y", "40", "-f",
                             "ignore-size", "--", "/bin/sh", "-c", ":"});
  return words;
}

/// Starts a server and leaves it. With the session already: a server without one refuses what a client says before its
/// own new-session has run.
std::vector<std::string> starter_arguments(std::filesystem::path const& socket) {
  std::vector<std::string> words{"-u", "-S", socket.string(), "-f", "/dev/null", "start-server"};
  add_server_options(words);
  words.insert(words.end(), {";", "new-session", "-d", "-s", "_ctl", "-n", "_ctl", "-x", "120", "-y", "40", "--",
                             "/bin/sh", "-c", ":"});
  return words;
}

Error does_not_answer(std::filesystem::path const& socket) {
  return timed_out("the tmux server at " + socket.string() + " does not answer; is it stopped?");
}

Error cannot_use(std::filesystem::path const& socket, std::string const& why) {
  return unavailable("tmux_failed", "cannot use the tmux server at " + socket.string() + ": " + why +
                                        "; if it is of another version, end its agents and remove the socket");
}

Error gone(std::string message) { return unavailable("tmux_gone", std::move(message)); }

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    auto const end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

/// A caller's wait. Its replies are those up to the block that prints `mark`: how many blocks a line of
/// commands gives depends on which fail and which branch is taken.
struct TmuxControl::Call {
  Call(Executor const& executor, std::string m) : mark(std::move(m)), timer(executor, Clock::now() + kPatience) {}
  std::string mark;
  Timer timer;
  bool done = false;
  bool answered = false;
  std::vector<std::string> bodies{};
  std::optional<std::string> failure{};
};

struct TmuxControl::Connection {
  Connection(Executor const& executor, net::local::stream_protocol::socket s, boost::process::v2::process p,
             std::string const& mark)
      : socket(std::move(s)), client(std::move(p)), parser(mark), wake(executor) {
    socket.non_blocking(true);
  }
  net::local::stream_protocol::socket socket;
  boost::process::v2::process client;
  ControlParser parser;
  std::deque<std::shared_ptr<Call>> calls{};
  std::string out{};
  bool writing = false;  ///< what was taken out of `out` is on its way
  Notifier wake;
  bool open = true;
  bool attached = false;
  bool reaped = false;
  std::string last_words{};  ///< what the client said outside of our calls: the reason of a failure
};

TmuxControl::TmuxControl(Executor executor, TmuxOptions options, Events events)
    : executor_(executor),
      options_(std::move(options)),
      events_(std::move(events)),
      mark_("done-" + random_hex(8) + "-"),
      connecting_(executor),
      changed_(executor),
      tasks_(executor, "tmux") {}

awaitable<Result<void>> TmuxControl::connect() {
  auto const lock = co_await connecting_.lock();
  auto const deadline = Clock::now() + kPatience;
  while (state_ == State::reconnecting && Clock::now() < deadline) co_await changed_.wait(deadline);
  if (state_ == State::reconnecting) co_return timed_out("the tmux server does not answer; is it stopped?");
  if (state_ == State::stopped) co_return gone("the connection to tmux was closed");
  if (state_ == State::serving) co_return Result<void>();
  auto const program = find_tmux(options_.tmux);
  if (!program) co_return program.error();
  program_ = *program;
  auto const server = check_server(options_.socket);
  if (!server && server.error().code == "foreign_server") co_return server.error();
  // A server that serves says by itself which version it is; before one is started, the program is asked.
  if (version_.empty() && listener_at(options_.socket) == 0) {
    auto version = co_await tmux_version(executor_, options_.tmux);
    if (!version) co_return version.error();
  }
  if (auto dir = make_private_dir(options_.socket.parent_path()); !dir) co_return dir.error();
  if (auto recalled = co_await recall_server(); !recalled) co_return recalled.error();
  std::optional<Clock::time_point> asked_to_end;
  for (auto const until = Clock::now() + kPatience;;) {
    auto const listener = listener_at(options_.socket);
    auto attached = co_await start_or_join();
    if (state_ == State::stopped) co_return gone("the connection to tmux was closed");
    if (attached || Clock::now() > until) co_return attached;
    auto const& code = attached.error().code;
    if (code != "tmux_gone" && code != "tmux_ending") co_return attached;
    // A server that is being killed takes clients until it has gone. When one of them has begun a session meanwhile, or
    // never goes (see stop), it stays, and takes nobody.
    Process ending(executor_, listener);
    if (ending.exited() || listener_at(options_.socket) != listener) {
      asked_to_end.reset();
      bool const slept = co_await sleep_for(kEnding);
      if (!slept) co_return attached;
      continue;
    }
    if (code == "tmux_ending") {
      // Others have reasons of their own to send us away.
      if (runs_another(listener, program_)) co_return cannot_use(options_.socket, "it hangs up on us");
      bool const late = asked_to_end && Clock::now() > *asked_to_end + kFarewell;
      if (late)
        spdlog::warn("the tmux server at {} (process {}) does not finish ending and is killed",
                     options_.socket.string(), listener);
      if (!asked_to_end) asked_to_end = Clock::now();
      ending.signal(late ? SIGKILL : SIGTERM);
    }
    co_await ending.wait(Clock::now() + kEnding);
  }
}

/// A server whose socket has gone holds agents that nobody reaches; it makes the socket again when it is told to.
/// Another one beside it would start them a second time.
awaitable<Result<void>> TmuxControl::recall_server() {
  if (options_.record.empty() || listener_at(options_.socket) != 0) co_return Result<void>();
  auto const text = read_file(options_.record, kLongestRecord);
  if (!text) co_return Result<void>();
  pid_t pid = 0;
  std::uint64_t started = 0;
  std::string socket;
  std::istringstream record(*text);
  if (!(record >> pid >> started && std::getline(record >> std::ws, socket))) co_return Result<void>();
  Process server(executor_, pid);
  if (server.exited() || start_time_of(pid) != started) co_return Result<void>();
  auto const who = "the tmux server that holds the agents (process " + std::to_string(pid) + ")";
  auto const otherwise = "; end it, and its agents, with: kill " + std::to_string(pid);
  if (socket != options_.socket.string())
    co_return unavailable("tmux_lost", who + " has its socket at " + socket + ", not at " + options_.socket.string() +
                                           ": bring the state directory back to where it was" + otherwise);
  auto const deadline = Clock::now() + kPatience;
  server.signal(SIGUSR1);
  while (listener_at(options_.socket) != pid) {
    bool const ended = co_await server.wait(Clock::now() + kEnding);
    if (ended) co_return Result<void>();
    if (Clock::now() > deadline)
      co_return unavailable("tmux_lost", who + " does not make its lost socket " + socket + " again" + otherwise);
  }
  spdlog::warn("{} had lost its socket {} and has made it again", who, socket);
  co_return Result<void>();
}

/// For recall_server() of the next daemon.
void TmuxControl::remember_server() const {
  if (options_.record.empty()) return;
  auto const pid = server_process_->pid();
  auto const text =
      std::to_string(pid) + " " + std::to_string(start_time_of(pid)) + "\n" + options_.socket.string() + "\n";
  if (auto written = write_file(options_.record, text); !written) spdlog::warn("{}", written.error().message);
}

void TmuxControl::restore_socket() const {
  std::error_code ec;
  if (state_ != State::serving || killed_ || std::filesystem::exists(options_.socket, ec)) return;
  spdlog::warn("somebody removed the tmux server's socket {}; it is told to make it again", options_.socket.string());
  server_process_->signal(SIGUSR1);
}

awaitable<Result<void>> TmuxControl::start_or_join() {
  if (options_.own_scope) {
    ScopeSpec scope{options_.systemd_run, options_.socket, {program_.string()}, clean_environment()};
    for (auto& word : starter_arguments(options_.socket)) scope.starter.push_back(std::move(word));
    auto started = co_await start_server_in_scope(executor_, std::move(scope));
    if (!started) spdlog::warn("the agents' terminals share the daemon's control group: {}", started.error().message);
  }
  co_return co_await attach(true);
}

awaitable<void> TmuxControl::stop() {
  state_ = State::stopped;
  changed_.notify_all();
  auto const connection = std::exchange(connection_, nullptr);
  if (connection) {
    connection->out.clear();
    error_code ignored;
    // Detaches the client, which then ends. Only when all that the server has to say was read: it never lets go of a
    // client that it cannot tell.
    connection->socket.shutdown(net::socket_base::shutdown_send, ignored);
    auto const deadline = Clock::now() + kFarewell;
    while (!connection->reaped && Clock::now() < deadline) co_await connection->wake.wait(deadline);
    lost(connection);
  }
  co_await tasks_.stop();
  sinks_.clear();
}

awaitable<Result<void>> TmuxControl::kill_server() {
  auto connected = co_await connect();
  if (!connected) co_return connected.error();
  killed_ = true;
  Process server = *server_process_;
  (void)co_await call("kill-server");  // its answer may not come any more
  bool ended = co_await server.wait(Clock::now() + kFarewell);
  if (!ended) {
    // It waits for its clients, and tmux 3.3 never lets one go whose daemon was killed with output unread. The sessions
    // have ended by now.
    server.signal(SIGKILL);
    ended = co_await server.wait(Clock::now() + kPatience);
  }
  if (!ended) co_return timed_out("the tmux server does not end; is it stopped?");
  co_return Result<void>();
}

/// tmux (3.3a to 3.5a) crashes when it has news for its control clients while one of them is connecting, such as that
/// another one went (tmux pull request 4980). What has gone before us has no news any more when it has answered this.
awaitable<Result<void>> TmuxControl::let_news_pass() {
  SpawnSpec spec;
  spec.executable = program_;
  spec.arguments = {"-N", "-S", options_.socket.string(), "has-session", "-t", "=_ctl"};
  spec.environment = clean_environment();
  spec.directory = "/";
  auto const answer = co_await run_program(executor_, std::move(spec), kPatience);
  if (!answer && answer.error().code == "timeout") co_return does_not_answer(options_.socket);
  co_return Result<void>();
}

awaitable<Result<void>> TmuxControl::attach(bool may_start) {
  if (auto passed = co_await let_news_pass(); !passed) co_return passed.error();
  if (state_ == State::stopped) co_return gone("the connection to tmux was closed");
  int ends[2];
  // A socket and not pipes: writing to a dead client must be an error, not a signal.
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    co_return from_errno("cannot talk to tmux", errno);
  net::local::stream_protocol::socket socket(executor_, net::local::stream_protocol(), ends[0]);
  SpawnSpec spec;
  spec.executable = program_;
  spec.arguments = client_arguments(options_.socket, may_start);
  spec.environment = clean_environment();
  spec.directory = "/";
  spec.in = spec.out = spec.err = ends[1];
  auto client = spawn(executor_, spec);
  ::close(ends[1]);
  if (!client) co_return client.error();

  auto const connection = std::make_shared<Connection>(executor_, std::move(socket), std::move(*client), mark_);
  tasks_.spawn_vital("read", read(connection), options_.on_death);
  tasks_.spawn_vital("write", write(connection), options_.on_death);
  tasks_.spawn_vital("reap", reap(connection), options_.on_death);
  auto greeted = co_await greet(connection, may_start);
  if (!greeted || !connection->open || state_ == State::stopped) {
    lost(connection);
    if (!greeted) co_return greeted.error();
    co_return gone("the tmux client ended at once");
  }
  connection_ = connection;
  state_ = State::serving;
  co_return Result<void>();
}

awaitable<Result<void>> TmuxControl::greet(ConnectionPtr connection, bool may_start) {
  // A server that is just starting may run what is said before the command line that makes our session.
  auto const deadline = Clock::now() + kPatience;
  while (connection->open && !connection->attached && Clock::now() < deadline) co_await connection->wake.wait(deadline);
  if (connection->open && !connection->attached) co_return does_not_answer(options_.socket);
  auto hello = co_await run(connection, "display-message -p '#{pid} #{session_id} #{version}'");
  if (!hello) {
    auto words = connection->last_words;
    auto const server = "the tmux server at " + options_.socket.string();
    // It closed the door on us, as one does that was told to end.
    if (!connection->attached && words.find("server exited") != std::string::npos)
      co_return unavailable("tmux_ending", server + " is just ending; try again");
    if (!connection->open && (words.empty() || words.find("server exited") != std::string::npos))
      co_return gone(server + " has just ended, or sent us away");
    if (words.empty()) words = hello.error().message;
    co_return cannot_use(options_.socket, words);
  }
  std::istringstream words(hello->empty() ? std::string() : hello->front());
  pid_t pid = 0;
  words >> pid >> own_session_ >> version_;
  if (auto const usable = check_tmux_version(program_, version_); !usable) co_return usable.error();
  if (!server_process_ || server_process_->pid() != pid || server_process_->exited()) {
    if (!may_start) co_return gone("another tmux server took over the socket " + options_.socket.string());
    server_process_.emplace(executor_, pid);
    raise_descriptor_limit(pid);  // an earlier daemon may have started it with less
    ++server_;
    remember_server();
  }
  // A client before us may have left links behind, and is still there itself if its daemon was killed
  // while tmux had something to tell it.
  auto left = co_await run(connection, "list-windows -t '" + own_session_ +
                                           "' -F 'unlink-window -k -t \"#{session_id}:#{window_id}\" #{window_name}'\n"
                                           "list-clients -t '" +
                                           own_session_ + "' -F '#{?client_control_mode,client,person} #{client_pid}'");
  if (!left) co_return left.error();
  std::string clean_up;
  for (auto const& body : *left) {
    for (auto const line : lines_of(body)) {
      if (line.ends_with(" _ctl")) continue;
      if (line.starts_with("unlink-window")) clean_up += std::string(line.substr(0, line.rfind(' '))) + "\n";
      if (!line.starts_with("client ")) continue;
      auto const client = static_cast<pid_t>(std::atol(std::string(line.substr(7)).c_str()));
      if (client != connection->client.id()) Process(executor_, client).signal(SIGKILL);
    }
  }
  paused_.clear();
  if (!clean_up.empty()) enqueue(*connection, std::move(clean_up));
  co_return Result<void>();
}

awaitable<Result<std::vector<std::string>>> TmuxControl::call(std::string commands, ServerNumber server) {
  auto const deadline = Clock::now() + kPatience;
  while (state_ == State::reconnecting && Clock::now() < deadline) co_await changed_.wait(deadline);
  if (state_ != State::serving || (server != 0 && server != server_)) co_return gone("the tmux server is gone");
  co_return co_await run(connection_, std::move(commands));
}

void TmuxControl::send(std::string commands) {
  if (state_ != State::serving || connection_->out.size() > kMostUnsent) return;
  enqueue(*connection_, std::move(commands));
}

std::shared_ptr<TmuxControl::Call> TmuxControl::enqueue(Connection& connection, std::string commands) {
  while (commands.ends_with('\n')) commands.pop_back();  // an empty line detaches a control client
  auto const call = std::make_shared<Call>(executor_, mark_ + std::to_string(++calls_));
  connection.calls.push_back(call);
  connection.out += std::move(commands) + "\ndisplay-message -p " + call->mark + "\n";
  // At once, before whatever else waits for its turn on this thread; but what comes while tmux has something to answer
  // goes together. write() sends what tmux does not take now.
  if (!connection.writing && connection.calls.size() == 1) {
    error_code ec;
    connection.out.erase(0, connection.socket.send(net::buffer(connection.out), 0, ec));
  }
  if (!connection.out.empty()) connection.wake.notify_all();
  return call;
}

awaitable<Result<std::vector<std::string>>> TmuxControl::run(ConnectionPtr connection, std::string commands) {
  if (!connection->open) co_return gone("the tmux client has ended");
  if (connection->out.size() > kMostUnsent) co_return timed_out("tmux takes no more commands; is its server stopped?");
  auto const call = enqueue(*connection, std::move(commands));
  if (!call->done) (void)co_await call->timer.async_wait(nothrow);
  if (!call->done) co_return timed_out("tmux did not answer; is its server stopped?");
  if (!call->answered) co_return gone("the tmux client ended before it answered");
  if (call->failure) co_return conflict("tmux_error", "tmux: " + *call->failure);
  co_return std::move(call->bodies);
}

void TmuxControl::route(std::string const& pane, OutputSink sink) {
  paused_.erase(pane);
  if (sink)
    sinks_[pane] = std::move(sink);
  else
    sinks_.erase(pane);
}

void TmuxControl::nudge_server() const {
  if (server_process_) server_process_->signal(SIGCHLD);
}

awaitable<void> TmuxControl::read(ConnectionPtr connection) {
  std::string buffer(64U << 10, '\0');
  while (connection->open) {
    auto const [ec, n] = co_await connection->socket.async_read_some(net::buffer(buffer), nothrow);
    if (ec) break;
    for (auto& event : connection->parser.feed(std::string_view(buffer).substr(0, n)))
      if (state_ != State::stopped) handle(*connection, std::move(event));
  }
  lost(connection);
}

awaitable<void> TmuxControl::write(ConnectionPtr connection) {
  while (connection->open) {
    if (connection->out.empty()) {
      co_await connection->wake.wait();
      continue;
    }
    std::string const now = std::exchange(connection->out, {});
    connection->writing = true;
    auto const [ec, n] = co_await net::async_write(connection->socket, net::buffer(now), nothrow);
    connection->writing = false;
    if (ec) break;
  }
}

/// The client's end is an event of its own: its socket stays open as long as a stopped server holds the other
/// end.
awaitable<void> TmuxControl::reap(ConnectionPtr connection) {
  // Not the process's own async_wait: a spurious wake of the reactor makes that one block in waitpid.
  Process end(executor_, connection->client.id());
  while (!end.exited()) co_await end.wait();
  connection->reaped = true;
  connection->wake.notify_all();
  // Its last words are there already, and tell why.
  auto const deadline = Clock::now() + kEnding;
  while (connection->open && Clock::now() < deadline) co_await connection->wake.wait(deadline);
  lost(connection);
}

void TmuxControl::handle(Connection& connection, ControlEvent event) {
  std::string_view const text = event.text;
  switch (event.kind) {
    case ControlEvent::Kind::reply: {
      if (!event.ours || connection.calls.empty()) {
        if (!event.ok) connection.last_words = text.substr(0, text.find('\n'));
        return;
      }
      auto const call = connection.calls.front();
      if (!text.empty() && text.substr(0, text.size() - 1) == call->mark) {
        connection.calls.pop_front();
        call->done = call->answered = true;
        call->timer.cancel();
      } else if (event.ok) {
        call->bodies.push_back(std::move(event.text));
      } else if (!call->failure) {
        call->failure = text.substr(0, text.find('\n'));
      }
      return;
    }
    case ControlEvent::Kind::stray:
      if (!text.empty()) connection.last_words = text;
      return;
    case ControlEvent::Kind::notification:
      if (text.starts_with("%output ")) {
        auto const space = std::min(text.find(' ', 8), text.size());
        std::string const pane(text.substr(8, space - 8));
        if (auto const sink = sinks_.find(pane); sink != sinks_.end())
          sink->second(decode_output(text.substr(std::min(space + 1, text.size()))));
        else if (paused_.insert(pane).second)
          send("refresh-client -A '" + pane + ":pause'");  // or the server would keep this output for us for ever
      } else if (text.starts_with("%session-changed ")) {
        connection.attached = true;
        connection.wake.notify_all();
      } else if (text == "%sessions-changed") {
        if (events_.sessions_changed) events_.sessions_changed();
      } else if (text.starts_with("%exit ")) {
        connection.last_words = text.substr(6);
      } else if (text.starts_with("%pane-mode-changed ")) {
        if (events_.mode_changed) events_.mode_changed(text.substr(19));
      } else if (text.starts_with("%unlinked-window-close ") || text.starts_with("%window-close ")) {
        if (events_.window_closed) events_.window_closed(text.substr(text.find('@')));
      }
      return;
  }
}

void TmuxControl::lost(ConnectionPtr const& connection) {
  if (!connection->open) return;
  connection->open = false;
  error_code ignored;
  connection->socket.shutdown(net::socket_base::shutdown_both, ignored);
  connection->wake.notify_all();
  for (auto const& call : std::exchange(connection->calls, {})) {
    call->done = true;
    call->timer.cancel();
  }
  if (connection_ == connection && state_ == State::serving) {
    state_ = State::reconnecting;
    tasks_.spawn_vital("reconnect", reconnect(), options_.on_death);
  }
}

awaitable<void> TmuxControl::reconnect() {
  std::string const reason = connection_->last_words.empty() ? "it said nothing" : connection_->last_words;
  connection_.reset();
  for (auto delay = Clock::duration(20ms); !killed_ && !server_process_->exited();
       delay = std::min<Clock::duration>(delay * 2, 5s)) {
    auto attached = co_await attach(false);
    if (attached) {
      spdlog::warn("the tmux client ended ({}) and was replaced", reason);
      changed_.notify_all();
      if (events_.reconnected) events_.reconnected();
      co_return;
    }
    bool const ended = co_await server_process_->wait(Clock::now() + delay);
    if (ended) break;
    server_process_->signal(SIGUSR1);  // makes tmux create its socket again, should someone have removed it
  }
  if (!killed_) spdlog::error("the tmux server at {} has ended ({})", options_.socket.string(), reason);
  killed_ = false;
  state_ = State::idle;
  changed_.notify_all();
  if (events_.server_gone) events_.server_gone();
}

}  // namespace ar::terminal
