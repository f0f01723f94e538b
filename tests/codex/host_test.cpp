// agent-runner-codex with a shell script in Codex's place.
#include "base/paths.hpp"
#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <signal.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace ar;

namespace {

struct Host {
  test::TempDir dir;
  pid_t pid = -1;

  /// `server` and `screen` are what the script does in either part; both note their process id first.
  void start(std::string const& server, std::string const& screen = "exec sleep 100") {
    auto const script = "#!/bin/sh\ncd " + dir.path().string() +
                        "\nif [ \"$1\" = app-server ]; then echo $$ > server; " + server +
                        "\nelse echo \"$@\" >> shown; echo $$ > screen; " + screen + "\nfi\n";
    REQUIRE(write_file(dir.path() / "codex", script, 0700).has_value());
    std::vector<std::string> words{std::string(AR_BIN_DIR) + "/agent-runner-codex", dir.path().string(), "view",
                                   (dir.path() / "codex").string(), "app-server"};
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, (dir.path() / "out").c_str(), O_WRONLY | O_CREAT, 0600);
    REQUIRE(::posix_spawn(&pid, words[0].c_str(), &actions, nullptr, argv.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Host() {
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }
  std::string text(char const* name) const {
    std::ifstream in(dir.path() / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  pid_t number(char const* name) const { return std::atoi(text(name).c_str()); }
  void show(std::string const& thread) const { REQUIRE(write_file(dir.path() / "thread", thread + "\n").has_value()); }
  static bool eventually(std::function<bool()> const& condition) {
    auto const deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }
  static bool runs(pid_t process) { return process > 0 && ::kill(process, 0) == 0; }
  int wait() {
    int status = 0;
    ::waitpid(pid, &status, 0);
    pid = -1;
    return status;
  }
};

}  // namespace

TEST_CASE("TheHostEndsAsItsServerDoesAndLeavesNothingBehind") {
  Host host;
  host.start(
      "(trap '' HUP; setsid sleep 1000 & echo $! > orphan; wait) & while [ ! -e go ]; do sleep 0.05; done; "
      "echo last words; exit 3");
  host.show("thread-1");
  REQUIRE(Host::eventually([&] { return Host::runs(host.number("screen")) && host.number("orphan") > 0; }));
  auto const screen = host.number("screen"), orphan = host.number("orphan");
  std::ofstream(host.dir.path() / "go") << "";
  auto const status = host.wait();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 3);
  CHECK_FALSE(Host::runs(screen));
  CHECK_FALSE(Host::runs(orphan));
  CHECK(host.text("out").find("last words") != std::string::npos);
}

TEST_CASE("ASignalThatKillsTheServerIsTheHostsOwnEnd") {
  Host host;
  host.start("exec sleep 100");
  REQUIRE(Host::eventually([&] { return Host::runs(host.number("server")); }));
  ::kill(host.number("server"), SIGKILL);
  auto const status = host.wait();
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
}

TEST_CASE("TheScreenComesBackAndFollowsTheThread") {
  Host host;
  host.start("exec sleep 100");
  REQUIRE(Host::eventually([&] { return Host::runs(host.number("server")); }));
  CHECK(host.text("shown").empty());  // nothing to show yet
  host.show("thread-1");
  REQUIRE(Host::eventually([&] { return Host::runs(host.number("screen")); }));
  CHECK(host.text("shown").find("resume thread-1 --remote unix://" + (host.dir.path() / "app.sock").string()) == 0);
  auto const first = host.number("screen");
  ::kill(first, SIGKILL);
  REQUIRE(Host::eventually([&] { return host.number("screen") != first && Host::runs(host.number("screen")); }));
  auto const second = host.number("screen");
  host.show("thread-2");
  REQUIRE(Host::eventually([&] { return host.number("screen") != second && Host::runs(host.number("screen")); }));
  CHECK_FALSE(Host::runs(second));
  CHECK(host.text("shown").find("resume thread-2") != std::string::npos);
  CHECK(Host::runs(host.number("server")));
}

TEST_CASE("SigtermReachesTheServerOnceAndSighupTwice") {
  for (auto const& [signal, wanted] : {std::pair(SIGTERM, 1), std::pair(SIGHUP, 2)}) {
    Host host;
    host.start("n=0; trap 'n=$((n+1)); echo $n > terms' TERM; while [ ! -e go ]; do sleep 0.02; done; exit 0");
    REQUIRE(Host::eventually([&] { return Host::runs(host.number("server")); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ::kill(host.pid, signal);
    CHECK(Host::eventually([&] { return host.number("terms") == wanted; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    CHECK(host.number("terms") == wanted);
    std::ofstream(host.dir.path() / "go") << "";
    CHECK(host.wait() == 0);
  }
}

TEST_CASE("WhatItStartedDiesWithTheHost") {
  Host host;
  host.start("exec sleep 100");
  host.show("thread-1");
  REQUIRE(Host::eventually([&] { return Host::runs(host.number("server")) && Host::runs(host.number("screen")); }));
  auto const server = host.number("server"), screen = host.number("screen");
  ::kill(host.pid, SIGKILL);
  host.wait();
  CHECK(Host::eventually([&] { return !Host::runs(server) && !Host::runs(screen); }));
}
