// A second host for a test: a network namespace of its own behind a pair of veth interfaces, with the test's process in
// another. Everything goes when the objects do. Needs root, or rights to make user namespaces.
#pragma once
#include "support/namespaces.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ar::test {

/// A program of ours; killed and waited for at the end, also when this thread ends without a word. (What a crashed test
/// leaves behind holds its output open, and ctest waits for that.)
class Child {
 public:
  Child() = default;
  explicit Child(std::vector<std::string> words, std::vector<std::string> const& environment = {}) {
    std::vector<std::string> env = environment;
    env.emplace_back("PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
    env.emplace_back("LANG=C.UTF-8");
    std::vector<char*> argv, envp;
    for (auto& word : words) argv.push_back(word.data());
    for (auto& entry : env) envp.push_back(entry.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execvpe(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    return *this;
  }
  ~Child() { end(SIGKILL); }
  pid_t pid() const { return pid_; }
  void signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
  }
  /// Its exit status; -1: it was killed, or never ran.
  int end(int number) {
    if (pid_ <= 0) return -1;
    ::kill(pid_, number);
    return wait();
  }
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
};

inline int run_words(std::vector<std::string> words) { return Child(std::move(words)).wait(); }

/// A network namespace for this process, once: call before any thread. Where that is not possible, the program ends as
/// skipped and says why: it is for programs whose every case needs one.
inline void need_own_network() {
  static bool entered = false;
  if (entered) return;
  if (!enter_namespace(CLONE_NEWNET) || !share_namespace_rights())
    skip_all(std::string("no network namespace of its own (run as root, or allow unprivileged user namespaces): ") +
             std::strerror(errno));
  if (run_words({"ip", "link", "set", "lo", "up"}) != 0) skip_all("no loopback interface (it needs iproute2)");
  entered = true;
}

/// Another host, reached at `address()`; `number` (1 to 250) makes the addresses.
class Host {
 public:
  explicit Host(int number) : number_(number), holder_({"unshare", "-n", "sleep", "infinity"}) {
    auto const pid = std::to_string(holder_.pid());
    for (int tries = 0; tries < 500 && in_ours(); ++tries) ::usleep(10'000);
    REQUIRE(run_words({"ip", "link", "add", link(), "type", "veth", "peer", "name", "up0", "netns", pid}) == 0);
    REQUIRE(run_words({"ip", "addr", "add", ours() + "/30", "dev", link()}) == 0);
    REQUIRE(run_words({"ip", "link", "set", link(), "up"}) == 0);
    for (std::vector<std::string> words : {std::vector<std::string>{"ip", "link", "set", "lo", "up"},
                                           {"ip", "addr", "add", address() + "/30", "dev", "up0"},
                                           {"ip", "link", "set", "up0", "up"},
                                           {"ip", "route", "add", "default", "via", ours()}})
      REQUIRE(run_words(inside(words)) == 0);
  }

  /// With its namespace the interface would go as well, but later than that: too late for who takes its name again.
  ~Host() { (void)run_words({"ip", "link", "del", link()}); }
  Host(Host const&) = delete;
  Host& operator=(Host const&) = delete;

  std::string address() const { return "10.77." + std::to_string(number_) + ".2"; }
  std::string ours() const { return "10.77." + std::to_string(number_) + ".1"; }
  /// A command line that runs there.
  std::vector<std::string> inside(std::vector<std::string> const& words) const {
    std::vector<std::string> all{"nsenter", "-t", std::to_string(holder_.pid()), "-n"};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }

  /// Cut: what is sent either way is lost, and the interface says so.
  void cut() { (void)run_words(inside({"ip", "link", "set", "up0", "down"})); }
  void join() {
    (void)run_words(inside({"ip", "link", "set", "up0", "up"}));
    (void)run_words(inside({"ip", "route", "replace", "default", "via", ours()}));
  }
  /// Half-open: what it says to `address` is dropped without a word; what it hears it takes.
  void mute(std::string const& address) {
    (void)run_words(inside({"ip", "route", "add", "blackhole", address + "/32"}));
  }
  void unmute(std::string const& address) {
    (void)run_words(inside({"ip", "route", "del", "blackhole", address + "/32"}));
  }

 private:
  std::string link() const { return "host" + std::to_string(number_); }
  bool in_ours() const {
    char mine[64] = {}, theirs[64] = {};
    auto const file = "/proc/" + std::to_string(holder_.pid()) + "/ns/net";
    return ::readlink("/proc/self/ns/net", mine, sizeof mine - 1) < 0 ||
           ::readlink(file.c_str(), theirs, sizeof theirs - 1) < 0 || std::string(mine) == theirs;
  }
  int number_;
  Child holder_;
};

}  // namespace ar::test
