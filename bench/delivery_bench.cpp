// bus -> Enter at a fast reader: from the send request to the moment the agent's program has read the submitting Enter,
// over the bus, the journal and tmux, with every commit on the disk. Beside it, in the same run, the two floors it
// stands on: the same text and Enter written by a bare tmux control-mode client to the same program, and the two
// commits (the bus has the message; the journal knows that it is being typed) that must be on the disk before.
#include "bench/daemon_process.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <iostream>
#include <termios.h>
#include <time.h>

namespace {

using namespace ar;

std::int64_t now_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// The fast reader: raw terminal, bracketed paste; at each Enter it notes the time, and says "took ID" as its proof.
int read_fast(char const* file) {
  termios mode{};
  ::tcgetattr(0, &mode);
  ::cfmakeraw(&mode);
  ::tcsetattr(0, TCSANOW, &mode);
  int const out = ::open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  (void)!::write(1, "\033[?2004hready\r\n", 15);
  std::string text;
  char buffer[65536];
  bool pasting = false;
  for (ssize_t n; (n = ::read(0, buffer, sizeof buffer)) > 0;) {
    for (ssize_t i = 0; i < n; ++i) {
      text += buffer[i];
      if (text.ends_with("\033[200~")) pasting = true;
      if (text.ends_with("\033[201~")) pasting = false;
      if (pasting || buffer[i] != '\r') continue;
      auto const line = std::to_string(now_ns()) + "\n";
      (void)!::write(out, line.data(), line.size());
      std::string proof = "took nothing\r\n";
      if (auto const at = text.find("[agent-runner "); at != std::string::npos)
        proof = "took " + text.substr(at + 14, 10) + "\r\n";
      (void)!::write(1, proof.data(), proof.size());
      text.clear();
    }
  }
  return 0;
}

std::int64_t wait_for_line(std::string const& file, std::size_t number) {
  for (int i = 0; i < 200'000; ++i) {
    std::ifstream in(file);
    std::string line;
    std::size_t have = 0;
    while (std::getline(in, line))
      if (++have == number && in.good()) return std::stoll(line);
    ::usleep(50);
  }
  throw std::runtime_error("the reader did not read message " + std::to_string(number));
}

void print(char const* what, std::vector<double> micros) {
  std::sort(micros.begin(), micros.end());
  auto const at = [&](double p) {
    return micros[static_cast<std::size_t>(p * static_cast<double>(micros.size() - 1))];
  };
  std::printf("%-34s p50 %8.0f us   p95 %8.0f us   p99 %8.0f us   max %8.0f us   (N=%zu)\n", what, at(.5), at(.95),
              at(.99), at(1), micros.size());
}

/// A tmux control-mode client on two pipes, as bare as it gets.
class BareClient {
 public:
  BareClient(std::string const& socket, std::string const& reader_command) {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::vector<std::string> words{"tmux", "-S",          socket, "-f",   "/dev/null",
                                   "-C",   "new-session", "-s",   "bare", reader_command};
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    if (posix_spawnp(&pid_, "tmux", &actions, nullptr, argv.data(), environ) != 0) throw std::runtime_error("tmux");
    posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    to_ = in[1];
    from_ = out[0];
    ::fcntl(from_, F_SETFL, O_NONBLOCK);
  }
  ~BareClient() {
    write("kill-server\n");
    ::waitpid(pid_, nullptr, 0);
  }
  void write(std::string const& text) {
    char drain[65536];
    while (::read(from_, drain, sizeof drain) > 0) {
    }
    (void)!::write(to_, text.data(), text.size());
  }

 private:
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
};

/// A file that is overwritten like SQLite's write-ahead log: 4 MiB over and over, in pieces of 32 KiB, as much as one
/// small transaction of ours writes.
class CommitFloor {
 public:
  explicit CommitFloor(std::string const& path)
      : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), pages_(32 << 10, 'x') {
    for (int i = 0; i < kPieces; ++i) write();
    sync();
  }
  ~CommitFloor() { ::close(file_); }
  double two_commits_us() {
    auto const begun = now_ns();
    for (int i = 0; i < 2; ++i) {
      write();
      sync();
    }
    return static_cast<double>(now_ns() - begun) / 1000;
  }

 private:
  static constexpr int kPieces = 128;
  void write() {
    auto const at = static_cast<off_t>(pages_.size()) * (next_++ % kPieces);
    if (::pwrite(file_, pages_.data(), pages_.size(), at) < 0) throw std::runtime_error("pwrite");
  }
  void sync() {
    if (::fdatasync(file_) != 0) throw std::runtime_error("fdatasync");
  }
  int file_;
  std::string const pages_;
  int next_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "read") return read_fast(argv[2]);
  int const count = argc > 1 ? std::atoi(argv[1]) : 500;
  auto const self = std::filesystem::read_symlink("/proc/self/exe");
  ::signal(SIGPIPE, SIG_IGN);
  bench::DaemonProcess daemon(self.parent_path().parent_path() / "bin");
  auto const file = (daemon.dir() / "times").string();
  json const options = {{"ready", {{"pattern", "ready"}}}, {"proof", {{"pattern", "took {correlation_id}"}}}};
  daemon.spawn("fast", {self.string(), "read", file}, options);

  CommitFloor disk((daemon.dir() / "commits").string());
  std::vector<double> ours, accepted, commits;
  for (int i = 0; i < count; ++i) {
    commits.push_back(disk.two_commits_us());
    auto const sent = now_ns();
    auto const answer =
        daemon.request("POST", "/v1/messages?wait=accepted&timeoutMs=10000",
                       json{{"to", "fast"}, {"from", "bench"}, {"body", "a short message of ordinary length"}});
    auto const done = now_ns();
    ours.push_back(static_cast<double>(wait_for_line(file, static_cast<std::size_t>(i) + 1) - sent) / 1000);
    accepted.push_back(static_cast<double>(done - sent) / 1000);
  }

  auto const bare_file = (daemon.dir() / "bare-times").string();
  std::vector<double> bare;
  {
    BareClient client((daemon.dir() / "bare.sock").string(), self.string() + " read " + bare_file);
    ::sleep(1);  // the program's start; only this floor's set-up, nothing measured
    for (int i = 0; i < count; ++i) {
      auto const sent = now_ns();
      client.write(
          "set-buffer -b m \"[agent-runner 0123456789 \xC2\xB7 message 1 \xC2\xB7 from bench \xC2\xB7 kind chat]\\012a "
          "short "
          "message of ordinary length\\012[end 0123456789]\"\npaste-buffer -p -d -b m -t bare\nsend-keys -t bare "
          "Enter\n");
      bare.push_back(static_cast<double>(wait_for_line(bare_file, static_cast<std::size_t>(i) + 1) - sent) / 1000);
    }
  }
  print("send -> Enter at the reader", ours);
  print("send -> accepted, answered", accepted);
  print("floor: bare control-mode client", bare);
  print("floor: two commits to this disk", commits);
}
