// agent-runner-acp DIR NAME AGENT ARGUMENT...: an agent's process when it speaks the Agent Client Protocol.
//
// Runs the agent (AGENT ARGUMENT...) and owns its standard input and output. Each frame is in the record
// (record_writer.hpp) before it goes on. The daemon connects to DIR/host.sock: it is told the name of the record's file
// and how much of it there is already, then gets its lines, those of this process first and then each as it comes; what
// it writes are frames for the agent. Without a daemon the agent goes on, and what it asks waits.
//
// The terminal shows the conversation as text. A line that is typed there is a prompt, or the number of an answer;
// Ctrl-C ends the turn. The agent's end is this process's end; what it leaves behind is ended too. Static and without
// a thread.
#include "adapters/acp/host/dialogue.hpp"
#include "adapters/acp/host/record_writer.hpp"
#include "adapters/acp/host/screen.hpp"
#include "adapters/host_children.hpp"
#include "base/json.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <vector>

namespace ar::acp_host {
namespace {

constexpr int kTermAfter = 500, kKillAfter = 3'000;  ///< ms from the end of the agent's input
constexpr std::size_t kChunk = 64U << 10;
constexpr std::size_t kLargestFrame = 16U << 20;  ///< of either side; the daemon parses it on its one thread
constexpr std::size_t kLargestLine = 64U << 10;   ///< of the person
constexpr off_t kLargestLog = 1 << 20;
constexpr std::size_t kLogShown = 4'096;

void shut(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

/// Lines out of a stream. One that is longer than `most` is left out.
class Lines {
 public:
  explicit Lines(std::size_t most) : most_(most) {}
  /// False: a line was too long.
  template <class Take>
  bool add(char const* data, std::size_t size, Take const& take) {
    rest_.append(data, size);
    std::size_t at = 0;
    for (auto end = rest_.find('\n', searched_); end != std::string::npos; end = rest_.find('\n', at)) {
      std::string line = rest_.substr(at, end - at);
      at = end + 1;
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (!std::exchange(too_long_, false)) take(line);
    }
    rest_.erase(0, at);
    bool const whole = rest_.size() <= most_;
    if (!whole) {
      rest_.clear();
      too_long_ = true;
    }
    searched_ = rest_.size();
    return whole;
  }
  void clear() {
    rest_.clear();
    too_long_ = false;
    searched_ = 0;
  }

 private:
  std::size_t const most_;
  std::string rest_{};
  bool too_long_ = false;
  std::size_t searched_ = 0;
};

/// The daemon's connection. What it is sent comes out of the record's file, so that a slow reader costs no memory.
struct Reader {
  int fd = -1, file = -1;
  std::string file_name{};
  std::uint64_t at = 0;
  std::string head{};  ///< goes before
  Lines lines{kLargestFrame};

  void end() {
    shut(fd);
    shut(file);
    lines.clear();
  }
};

class Host {
 public:
  Host(std::string dir, std::string name, std::vector<std::string> words)
      : dir_(std::move(dir)), name_(std::move(name)), words_(std::move(words)), record_(dir_) {}

  int run() {
    ::umask(077);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // what the agent leaves behind comes to us, and ends with us
    for (int const ignored : {SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE}) ::signal(ignored, SIG_IGN);
    sigset_t watched;
    ::sigemptyset(&watched);
    for (int const one : {SIGCHLD, SIGTERM, SIGHUP, SIGINT}) ::sigaddset(&watched, one);
    ::sigprocmask(SIG_BLOCK, &watched, nullptr);
    int const signals = ::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0 || !listen() || !record_.open(name_)) return fault("cannot work in " + dir_);
    set_up_terminal();
    if (!start_agent()) return fault("cannot start a process");
    show(screen_.note(name_ + " is starting."));
    while (agent_ > 0) turn(signals);
    drain();
    (void)record_.ended(status_);
    reader_.end();
    shut(listener_);
    ::unlink(socket_path().c_str());
    host::end_children();
    return finish();
  }

 private:
  std::string socket_path() const { return dir_ + "/host.sock"; }
  std::string log_path() const { return dir_ + "/agent.log"; }

  static int fault(std::string const& what) {
    std::fprintf(stderr, "agent-runner: %s: %s\n", what.c_str(), std::strerror(errno));
    return 127;
  }

  bool listen() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path().size() >= sizeof address.sun_path) {
      errno = ENAMETOOLONG;
      return false;
    }
    std::memcpy(address.sun_path, socket_path().c_str(), socket_path().size() + 1);
    ::unlink(address.sun_path);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return listener_ >= 0 && ::bind(listener_, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0 &&
           ::listen(listener_, 4) == 0;
  }

  /// Lines are edited by the terminal itself. Ctrl-S would stop us, and the agent behind us.
  static void set_up_terminal() {
    termios terminal{};
    if (::tcgetattr(STDIN_FILENO, &terminal) != 0) return;
    terminal.c_iflag &= ~static_cast<tcflag_t>(IXON);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
  }

  bool start_agent() {
    std::array<int, 2> in{}, out{}, err{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0 ||
        ::pipe2(err.data(), O_CLOEXEC) != 0)
      return false;
    log_ = ::open(log_path().c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    std::vector<char*> argv;
    for (auto& word : words_) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t const parent = ::getpid();
    pid_t const pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(127);
      for (int const one : {SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE}) ::signal(one, SIG_DFL);
      sigset_t none;
      ::sigemptyset(&none);
      ::sigprocmask(SIG_SETMASK, &none, nullptr);
      ::setsid();  // a process group of its own, which is ended as a whole; keys are not for it
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      ::dup2(err[1], STDERR_FILENO);
      ::execv(argv[0], argv.data());
      std::fprintf(stderr, "agent-runner: cannot start %s: %s\n", argv[0], std::strerror(errno));
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    ::close(err[1]);
    to_agent_ = in[1];
    from_agent_ = out[0];
    errors_ = err[0];
    for (int const fd : {to_agent_, from_agent_, errors_}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
    agent_ = pid;
    return pid > 0;
  }

  bool has_news() const {
    return !reader_.head.empty() || reader_.file_name != record_.name() || reader_.at < record_.size();
  }

  void turn(int signals) {
    enum : std::uint8_t { signal, accept, reader, input, output, errors, typed, all };
    std::array<pollfd, all> waits{};
    waits[signal] = {signals, POLLIN, 0};
    waits[accept] = {listener_, POLLIN, 0};
    waits[reader] = {reader_.fd, static_cast<short>(POLLIN | (has_news() ? POLLOUT : 0)), 0};
    waits[input] = {pending_.empty() ? -1 : to_agent_, POLLOUT, 0};
    waits[output] = {from_agent_, POLLIN, 0};
    waits[errors] = {errors_, POLLIN, 0};
    waits[typed] = {typed_open_ ? STDIN_FILENO : -1, POLLIN, 0};
    ::poll(waits.data(), waits.size(), patience());
    if (waits[output].revents) read_agent();
    if (waits[errors].revents) read_errors();
    if (waits[input].revents) write_agent();
    if (waits[accept].revents) accept_reader();
    if (waits[reader].revents & (POLLIN | POLLHUP | POLLERR) && reader_.fd == waits[reader].fd) read_daemon();
    if (waits[reader].revents & POLLOUT && reader_.fd == waits[reader].fd) write_daemon();
    if (waits[typed].revents) read_person();
    if (waits[signal].revents) take_signals(signals);
    end_in_time();
  }

  // ---- its end ----

  int patience() const {
    if (ending_since_ == 0) return -1;
    auto const next = ending_since_ + (termed_ ? kKillAfter : kTermAfter);
    return static_cast<int>(std::max<std::int64_t>(next - host::now_ms(), 0));
  }

  void take_signals(int fd) {
    signalfd_siginfo info{};
    while (::read(fd, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGINT) carry_out(dialogue_.cancel());
      if (info.ssi_signo != SIGTERM && info.ssi_signo != SIGHUP) continue;
      asked_to_end_ = true;
      begin_end();
    }
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
      if (pid == agent_) {
        agent_ = 0;
        status_ = status;
      }
  }

  /// The end of its input ends a good agent; a signal to its whole group, others.
  void begin_end() {
    if (ending_since_ != 0) return;
    ending_since_ = host::now_ms();
    pending_.clear();
    shut(to_agent_);
  }

  void end_in_time() {
    if (ending_since_ == 0 || agent_ <= 0) return;
    auto const since = host::now_ms() - ending_since_;
    if (since >= kKillAfter)
      ::kill(-agent_, SIGKILL);
    else if (since >= kTermAfter && !std::exchange(termed_, true))
      ::kill(-agent_, SIGTERM);
  }

  /// What it wrote before it ended.
  void drain() {
    if (from_agent_ >= 0) read_agent();
    if (errors_ >= 0) read_errors();
  }

  int finish() {
    if (asked_to_end_ || (WIFEXITED(status_) && WEXITSTATUS(status_) == 0)) return 0;
    auto const how = WIFEXITED(status_) ? "status " + std::to_string(WEXITSTATUS(status_))
                                        : "signal " + std::to_string(WTERMSIG(status_));
    show(screen_.note(name_ + " ended with " + how + ". Its last words:"));
    show(harmless(host::read_text(log_path(), kLogShown)) + "\n");
    if (WIFEXITED(status_)) return WEXITSTATUS(status_);
    int const signal = WTERMSIG(status_);
    ::signal(signal, SIG_DFL);
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
    ::raise(signal);
    return 128 + signal;
  }

  // ---- the agent ----

  void read_agent() {
    std::vector<char> buffer(kChunk);
    ssize_t n = 0;
    while ((n = ::read(from_agent_, buffer.data(), buffer.size())) > 0) {
      auto const take = [this](std::string const& line) { from_agent(line); };
      if (!agent_lines_.add(buffer.data(), static_cast<std::size_t>(n), take))
        (void)record_.not_a_frame("a frame that is too long was left out");
      if (agent_ > 0 && n < static_cast<ssize_t>(buffer.size())) break;  // the others are served, too
    }
    if (n == 0) {
      shut(from_agent_);
      if (agent_ > 0) begin_end();  // it has no more to say, and nobody would hear it
    }
  }

  void from_agent(std::string const& line) {
    if (line.empty()) return;
    auto const frame = parse_object(line);
    if (!frame) {
      (void)record_.not_a_frame(line);
      return;
    }
    bool keep = false;
    auto const was_running = dialogue_.prompt_runs();
    if (!record_.frame('<', line)) return full();
    auto const steps = dialogue_.from_agent(*frame, keep);
    if (keep) record_.keep('<', line);
    show_frame(*frame, was_running);
    carry_out(steps);
    if (dialogue_.is_idle()) record_.rotate_if_large(name_);
  }

  void show_frame(json const& frame, bool was_running) {
    auto const method = text_at(frame, "method");
    auto const& params = object_at(frame, "params");
    if (method == "session/update" && was_running) show(screen_.update(object_at(params, "update")));
    if (method == "session/request_permission") show(screen_.asked(params));
    if (method.empty() && was_running && !dialogue_.prompt_runs()) show(screen_.turn_over(frame));
  }

  void read_errors() {
    std::vector<char> buffer(kChunk);
    for (ssize_t n = 0; (n = ::read(errors_, buffer.data(), buffer.size())) != 0;) {
      if (n < 0) return;
      struct stat log{};
      if (::fstat(log_, &log) == 0 && log.st_size > kLargestLog) (void)!::ftruncate(log_, 0);
      (void)!::write(log_, buffer.data(), static_cast<std::size_t>(n));
      if (n < static_cast<ssize_t>(buffer.size())) return;
    }
    shut(errors_);
  }

  void write_agent() {
    while (!pending_.empty()) {
      auto const n = ::write(to_agent_, pending_.data(), std::min(pending_.size(), kChunk));
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return pending_.clear();  // it does not read any more: its end tells the rest
      pending_.erase(0, static_cast<std::size_t>(n));
    }
  }

  void carry_out(Steps const& steps) {
    for (auto const& step : steps) {
      if (step.to == Step::To::screen) show(screen_.note(step.text));
      if (step.to == Step::To::daemon && !record_.frame('!', step.text)) return full();
      if (step.to != Step::To::agent || to_agent_ < 0) continue;
      if (pending_.size() > kLargestFrame) {
        show(screen_.note(name_ + " does not read what it is sent."));
        return begin_end();
      }
      auto const frame = parse_object(step.text);
      if (!frame) continue;
      // On the disk before it can have an effect.
      auto const kept = without_secrets(*frame, step.text);
      if (!record_.frame('>', kept)) return full();
      if (step.keep) record_.keep('>', kept);
      if (text_at(*frame, "method") == "session/prompt")
        show(screen_.prompt(object_at(*frame, "params"), text_at(*frame, "id").starts_with("person-")));
      pending_ += step.text + "\n";
      write_agent();
    }
  }

  static std::string without_secrets(json const& frame, std::string const& raw) {
    if (!object_at(frame, "params").contains("mcpServers")) return raw;
    json kept = frame;
    kept["params"].erase("mcpServers");
    return to_text(kept);
  }

  /// Without its record nobody could tell what was taken.
  void full() {
    show(screen_.note("the record cannot be written: " + std::string(std::strerror(errno)) + "; it ends here."));
    begin_end();
  }

  // ---- the daemon ----

  void accept_reader() {
    int const fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != ::getuid()) {
      ::close(fd);
      return;
    }
    reader_.end();  // there is one daemon; the newest counts
    reader_.fd = fd;
    open_file(record_.begin());
    json const head{{"file", record_.name()}, {"backlog", record_.size() - record_.begin()}};
    reader_.head = to_text(head) + "\n";
  }

  void open_file(std::uint64_t at) {
    shut(reader_.file);
    reader_.file = ::open(record_.path().c_str(), O_RDONLY | O_CLOEXEC);
    reader_.file_name = record_.name();
    reader_.at = at;
    if (reader_.file < 0) reader_.end();
  }

  void read_daemon() {
    std::vector<char> buffer(kChunk);
    auto const n = ::read(reader_.fd, buffer.data(), buffer.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return reader_.end();  // half a line is dropped with it
    auto const take = [this](std::string const& line) {
      if (auto const frame = parse_object(line)) carry_out(dialogue_.from_daemon(*frame, line));
    };
    (void)reader_.lines.add(buffer.data(), static_cast<std::size_t>(n), take);
  }

  void write_daemon() {
    if (!reader_.head.empty()) {
      auto const n = ::write(reader_.fd, reader_.head.data(), reader_.head.size());
      if (n < 0) return errno == EAGAIN ? void() : reader_.end();
      reader_.head.erase(0, static_cast<std::size_t>(n));
      return;
    }
    std::vector<char> buffer(kChunk);
    auto const n = ::pread(reader_.file, buffer.data(), buffer.size(), static_cast<off_t>(reader_.at));
    if (n < 0) return reader_.end();
    if (n == 0) {
      if (reader_.file_name != record_.name()) open_file(record_.fresh());  // it goes on in another file
      return;
    }
    auto const sent = ::write(reader_.fd, buffer.data(), static_cast<std::size_t>(n));
    if (sent < 0) return errno == EAGAIN ? void() : reader_.end();
    reader_.at += static_cast<std::uint64_t>(sent);
  }

  // ---- the terminal ----

  void read_person() {
    std::array<char, 4096> buffer{};
    auto const n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0 || (n == 0 && ::isatty(STDIN_FILENO) == 0)) {
      typed_open_ = false;
      return;
    }
    auto const take = [this](std::string const& line) { carry_out(dialogue_.from_person(line)); };
    (void)typed_lines_.add(buffer.data(), static_cast<std::size_t>(n), take);  // Ctrl-D: nothing
  }

  static void show(std::string const& text) {
    if (text.empty()) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  std::string const dir_, name_;
  std::vector<std::string> words_;
  RecordWriter record_;
  Dialogue dialogue_;
  Screen screen_;
  Reader reader_;
  Lines agent_lines_{kLargestFrame}, typed_lines_{kLargestLine};
  std::string pending_{};  ///< for the agent
  pid_t agent_ = 0;
  int status_ = 0;
  int listener_ = -1, to_agent_ = -1, from_agent_ = -1, errors_ = -1, log_ = -1;
  bool typed_open_ = true, asked_to_end_ = false, termed_ = false;
  std::int64_t ending_since_ = 0;
};

}  // namespace
}  // namespace ar::acp_host

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: agent-runner-acp DIR NAME AGENT ARGUMENT...\n");
    return 2;
  }
  ar::acp_host::Host host(argv[1], argv[2], {argv + 3, argv + argc});
  return host.run();
}
