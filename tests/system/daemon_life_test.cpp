// The daemon of an installation: found from its state directory alone, whatever vanishes around it, and always ended.
#include "support/file_text.hpp"
#include "system/installation.hpp"

#include <algorithm>
#include <sys/file.h>

using ar::json;
using ar::test::Installation;
using ar::test::Outcome;
using ar::test::tmux_servers;

namespace {

void says(Outcome const& outcome, int status, std::string const& words) {
  CHECK(outcome.status == status);
  CHECK_MESSAGE((outcome.out + outcome.err).find(words) != std::string::npos, outcome.out, outcome.err);
}

std::filesystem::path run_dir(Installation const& home) { return home.state() / "run"; }

std::string log_of(Installation const& home) { return ar::test::file_text(home.state() / "daemon.log"); }

/// As a logout does. What still makes files in it, such as tmux, may be met in between.
void log_out(std::filesystem::path const& runtime) {
  CHECK(Installation::eventually([&] {
    std::error_code ec;
    std::filesystem::remove_all(runtime, ec);
    return !ec;
  }));
}

/// A home whose programs are told nothing but HOME, as cron does.
class Home {
 public:
  explicit Home(std::string const& name = "h") : dir_(std::filesystem::path(lab_.work()) / name) {
    std::filesystem::create_directories(dir_);
  }
  ~Home() {
    for (auto const pid : started_) ::kill(pid, SIGKILL);
    for (auto const pid : tmux_servers(dir_)) ::kill(pid, SIGKILL);
  }
  Outcome run(std::vector<std::string> const& environment, std::vector<std::string> const& arguments) {
    std::vector<std::string> words{"-i", "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + dir_.string()};
    words.insert(words.end(), environment.begin(), environment.end());
    words.push_back(std::string(AR_BIN_DIR) + "/agent-runner");
    words.insert(words.end(), arguments.begin(), arguments.end());
    return lab_.run_program("/usr/bin/env", words, "");
  }
  pid_t up(std::vector<std::string> const& environment = {}) {
    auto const outcome = run(environment, {"up", "--json"});
    REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
    auto const pid = outcome.parsed()["pid"].get<pid_t>();
    started_.push_back(pid);
    return pid;
  }
  std::filesystem::path const& dir() const { return dir_; }

 private:
  Installation lab_;
  std::filesystem::path dir_;
  std::vector<pid_t> started_;
};

}  // namespace

TEST_CASE("ARowThatCannotBeReadIsNamedAndTheOthersGoOn") {
  Installation home;
  home.spawn("whole");
  home.spawn("damaged");
  auto const pid = home.agent("whole")["pid"];
  home.good({"down"});
  auto const damaged = home.run_program(
      "/usr/bin/sqlite3",
      {(home.state() / "journal.db").string(), "UPDATE agents SET record = '{\"half' WHERE id = 'damaged'"}, "");
  REQUIRE_MESSAGE(damaged.status == 0, damaged.err);
  home.good({"up"});
  home.wait_for_state("whole", "idle");
  CHECK(home.agent("whole")["pid"] == pid);
  CHECK(home.agent("damaged").empty());
  CHECK_MESSAGE(log_of(home).find("row of agent damaged cannot be read") != std::string::npos, log_of(home));
  CHECK(home.run({"down"}).status == 0);
}

TEST_CASE("SocketsThatSomebodyRemovesAreThereAgain") {
  Installation home;
  home.spawn("a");
  auto const daemon = home.daemon_pid();
  auto const agent = home.agent("a")["pid"];
  auto const all_there = [&] {
    for (char const* name : {"control.sock", "relay.sock", "tmux.sock", "agents/agents.sock"})
      if (!std::filesystem::exists(run_dir(home) / name)) return false;
    return true;
  };
  // What the daemon makes again meanwhile is in the way of who removes a folder.
  auto const take_away = [](std::filesystem::path const& folder) {
    return Installation::eventually([&] {
      std::error_code ec;
      std::filesystem::remove_all(folder, ec);
      return !ec;
    });
  };
  std::filesystem::remove(run_dir(home) / "control.sock");
  CHECK(home.agent("a")["pid"] == agent);
  for (int round = 0; round < 3; ++round) {
    CHECK(take_away(run_dir(home)));
    home.send("a", "still there?");
    CHECK(Installation::eventually(all_there));
  }
  std::filesystem::rename(run_dir(home), home.state() / "moved");
  CHECK(Installation::eventually(all_there));
  for (auto const& gone : {run_dir(home) / "agents" / "agents.sock", run_dir(home) / "agents"}) {
    CHECK(take_away(gone));
    CHECK(Installation::eventually(all_there));
  }
  home.good({"send", "a", "hello", "--wait=done", "--timeout", "30s"});
  home.spawn("b");  // the folder for what agents are started with has gone, too
  CHECK(home.daemon_pid() == daemon);
  CHECK(home.agent("a")["pid"] == agent);
}

TEST_CASE("ATmuxServerWithoutItsSocketIsAdoptedByTheNextDaemon") {
  Installation home;
  home.spawn("a");
  auto const agent = home.agent("a")["pid"];
  auto const servers = tmux_servers(home.state());
  REQUIRE(servers.size() == 1);
  home.kill_daemon();
  std::filesystem::remove_all(run_dir(home));
  home.good({"up"});
  home.wait_for_state("a", "idle");
  CHECK(home.agent("a")["pid"] == agent);
  CHECK(home.agent("a")["restarts"] == 0);
  CHECK(tmux_servers(home.state()) == servers);
  home.good({"send", "a", "hello", "--wait=done", "--timeout", "30s"});
}

TEST_CASE("ATmuxServerThatCannotBeReachedIsNotReplaced") {
  Installation home;
  home.spawn("a");
  auto const agent = home.agent("a")["pid"].get<pid_t>();
  auto const servers = tmux_servers(home.state());
  REQUIRE(servers.size() == 1);
  home.kill_daemon();
  std::filesystem::remove_all(run_dir(home));
  ::kill(servers.front(), SIGSTOP);
  auto const refused = home.run({"up"});
  says(refused, 1, "process " + std::to_string(servers.front()));
  CHECK(Installation::runs(agent));
  ::kill(servers.front(), SIGCONT);
  home.good({"up"});
  home.wait_for_state("a", "idle");
  CHECK(home.agent("a")["pid"] == agent);
  CHECK(tmux_servers(home.state()) == servers);
}

TEST_CASE("ADaemonIsFoundFromAnyEnvironment") {
  Home home;
  auto const runtime = home.dir() / "runtime";
  std::filesystem::create_directory(runtime);
  std::filesystem::permissions(runtime, std::filesystem::perms::owner_all);
  auto const pid = home.up({"XDG_RUNTIME_DIR=" + runtime.string()});
  for (std::string const& other : {std::string("X=1"), "XDG_RUNTIME_DIR=" + (home.dir() / "absent").string(),
                                   std::string("XDG_RUNTIME_DIR=relative"), std::string("XDG_RUNTIME_DIR=/")}) {
    CAPTURE(other);
    CHECK(home.up({other}) == pid);
    CHECK(home.run({other}, {"send", "a", "hi", "--later"}).status == 0);
  }
  log_out(runtime);
  says(home.run({}, {"down"}), 0, "has ended");
  CHECK_FALSE(Installation::runs(pid));
}

TEST_CASE("StateFoldersThatShareARuntimeFolderDoNotMeet") {
  Home home;
  auto const runtime = home.dir() / "runtime";
  std::filesystem::create_directory(runtime);
  std::vector<std::string> const usual{"XDG_RUNTIME_DIR=" + runtime.string()};
  // Too long for a socket below it, so that the runtime folder is used.
  auto const other = [&](char letter) {
    auto all = usual;
    all.push_back("XDG_STATE_HOME=" + (home.dir() / std::string(100, letter)).string());
    return all;
  };
  auto const a = home.up(usual), b = home.up(other('b')), c = home.up(other('c'));
  CHECK(a != b);
  CHECK(b != c);
  CHECK(home.up(other('b')) == b);
  auto cron = other('b');
  cron.erase(cron.begin());  // no runtime folder: the state directory says where the sockets are
  CHECK(home.up(cron) == b);
  says(home.run(other('c'), {"down"}), 0, "has ended");
  says(home.run(cron, {"down"}), 0, "has ended");
  CHECK(Installation::runs(a));
  CHECK_FALSE(Installation::runs(b));
}

TEST_CASE("ADaemonThatOutlivesItsUsersRuntimeFolderCanBeEnded") {
  Home home;
  auto const runtime = home.dir() / "runtime";
  std::filesystem::create_directory(runtime);
  std::vector<std::string> cron{"XDG_STATE_HOME=" + (home.dir() / std::string(100, 'l')).string()};
  auto login = cron;
  login.push_back("XDG_RUNTIME_DIR=" + runtime.string());
  auto const daemon = home.up(login);
  log_out(runtime);
  says(home.run(cron, {"down"}), 0, "has ended");
  CHECK_FALSE(Installation::runs(daemon));
}

TEST_CASE("ADaemonWhoseStateDirectoryIsTakenAwayEnds") {
  Installation home;
  home.good({"up"});
  auto const pid = home.daemon_pid();
  REQUIRE(pid.has_value());
  auto const servers = tmux_servers(home.state());
  std::filesystem::rename(home.state(), home.work() / "moved");
  std::filesystem::remove(home.work() / "moved" / "run" / "control.sock");
  CHECK(Installation::eventually([&] { return !Installation::runs(*pid); }));
  CHECK_FALSE(std::filesystem::exists(home.state()));
  for (auto const server : servers) ::kill(server, SIGKILL);
}

TEST_CASE("AStoppedDaemonIsNamedWithTheRemedy") {
  Installation home;
  home.environment.push_back("AGENT_RUNNER_LOOP_FAULT_MS=0");  // it stands still because this test stops it
  home.good({"up"});
  auto const pid = *home.daemon_pid();
  ::kill(pid, SIGSTOP);
  for (std::vector<std::string> const& verb : {std::vector<std::string>{"ps"}, {"up"}, {"down"}, {"doctor"}}) {
    CAPTURE(verb.front());
    auto const start = std::chrono::steady_clock::now();
    says(home.run(verb), verb.front() == "doctor" ? 1 : 5, "kill -CONT " + std::to_string(pid));
    CHECK(std::chrono::steady_clock::now() - start < ar::test::kPatience * std::chrono::seconds(9));
  }
  ::kill(pid, SIGCONT);
  home.good({"ps"});
}

TEST_CASE("DownSignalsNobodyWhoIsNotProvedToHoldTheLock") {
  Installation home;
  std::filesystem::create_directory(home.state());
  std::filesystem::permissions(home.state(), std::filesystem::perms::owner_all);
  auto const file = home.state() / "daemon.lock";
  // A process with the file open, which the file names as the daemon. `user`: its own, of whom the folder is too.
  auto const with_process = [&](bool locks, uid_t user, auto&& check) {
    int const fd = ::open(file.c_str(), O_RDWR | O_CREAT, 0600);
    REQUIRE(fd >= 0);
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    pid_t const pid = ::fork();
    if (pid == 0) {
      int const own = ::open(file.c_str(), O_RDWR);
      if (locks && ::flock(own, LOCK_EX) != 0) ::_exit(1);
      if (user != ::getuid() && ::setresuid(user, user, user) != 0) ::_exit(1);
      (void)!::write(ready[1], "!", 1);
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char byte = 0;
    CHECK(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    std::ofstream(file) << pid << "\n" << (run_dir(home) / "control.sock").string() << "\n";
    check(pid);
    CHECK(::waitpid(pid, nullptr, WNOHANG) == 0);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    ::close(fd);
  };
  with_process(false, ::getuid(), [&](pid_t pid) {
    says(home.run({"down"}), 4, "process " + std::to_string(pid));
    says(home.run({"down"}), 4, "does not hold the lock");
    says(home.run({"ps"}), 0, "");  // a real one takes the folder all the same
    CHECK(home.daemon_pid() != pid);
    home.good({"down"});
  });
  std::ofstream(file) << ::getpid() << "\n";  // an old record, whose number another process has got
  says(home.run({"down"}), 0, "no daemon runs");
  if (::getuid() != 0) return;
  with_process(true, 65534, [&](pid_t) { says(home.run({"down"}), 4, "runs as another user"); });
  REQUIRE(::chown(home.state().c_str(), 65534, 65534) == 0);
  with_process(true, ::getuid(), [&](pid_t) { says(home.run({"down"}), 4, "belongs to another user"); });
  REQUIRE(::chown(home.state().c_str(), ::getuid(), ::getgid()) == 0);
}

TEST_CASE("DownEndsADaemonThatHasNoSocketLeft") {
  Installation home;
  home.environment.push_back("AGENT_RUNNER_LOOP_FAULT_MS=0");  // it stands still because this test stops it
  home.good({"up"});
  auto const pid = *home.daemon_pid();
  // It cannot make the socket again: something is in the way.
  auto const socket = run_dir(home) / "control.sock";
  ::kill(pid, SIGSTOP);
  std::filesystem::remove(socket);
  std::filesystem::create_directory(socket);
  ::kill(pid, SIGCONT);
  REQUIRE(home.run({"--no-start", "ps"}).status != 0);
  says(home.run({"down"}), 0, "has ended");
  CHECK_FALSE(Installation::runs(pid));
  std::filesystem::remove_all(run_dir(home));
}
