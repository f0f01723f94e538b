// Whether a program does anything, by what the kernel says of it between two looks.
#include "base/process/process_activity.hpp"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <csignal>
#include <ctime>
#include <functional>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ar;
using namespace std::chrono_literals;

namespace {

/// A process that does `body` once for each byte that it is told, and says when that is done.
class Worker {
 public:
  explicit Worker(std::function<void()> const& body) {
    int in[2], out[2];
    REQUIRE(::pipe(in) == 0);
    REQUIRE(::pipe(out) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(in[1]);
      for (char c = 0; ::read(in[0], &c, 1) == 1;) {
        body();
        (void)!::write(out[1], "x", 1);
      }
      ::_exit(0);
    }
    ::close(in[0]);
    ::close(out[1]);
    to_ = in[1];
    from_ = out[0];
  }
  ~Worker() {
    ::close(to_);
    ::waitpid(pid_, nullptr, 0);
    ::close(from_);
  }
  void work() const {
    char c = 0;
    REQUIRE(::write(to_, "x", 1) == 1);
    REQUIRE(::read(from_, &c, 1) == 1);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
};

void burn() {
  auto const cpu = [] { return std::clock() * 1000 / CLOCKS_PER_SEC; };
  for (auto const end = cpu() + 50; cpu() < end;) {
  }
}

ProcessActivity of(std::initializer_list<std::pair<pid_t const, ProcessActivity::Process>> processes,
                   std::uint64_t at) {
  ProcessActivity seen;
  seen.at = at;
  seen.processes = processes;
  seen.knows_network = true;
  return seen;
}

}  // namespace

TEST_CASE("AProgramThatOnlyWaitsDoesNothing") {
  Worker const idle([] {});
  auto const before = activity_of(idle.pid(), 0);
  REQUIRE(before.processes.contains(idle.pid()));
  CHECK(sign_of_life(before, activity_of(idle.pid(), 0), 1h, false) == "");
}

TEST_CASE("WorkOfTheProcessorAndOfTheNetworkIsSeen") {
  SUBCASE("processor") {
    Worker const busy(burn);
    auto const before = activity_of(busy.pid(), 0);
    busy.work();
    CHECK(sign_of_life(before, activity_of(busy.pid(), 0), 1h, false) == "processor time");
  }
  SUBCASE("network") {
    int const listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener, 1) == 0);
    REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    int fd = -1;
    Worker const talks([&] {
      if (fd < 0) {
        fd = ::socket(AF_INET, SOCK_STREAM, 0);
        (void)::connect(fd, reinterpret_cast<sockaddr const*>(&address), sizeof address);
      } else {
        (void)::send(fd, "hello", 5, 0);
      }
    });
    talks.work();
    auto before = activity_of(talks.pid(), 0);
    REQUIRE(before.knows_network);
    CHECK(sign_of_life(before, activity_of(talks.pid(), 0), 1h, true) == "");
    talks.work();
    CHECK(sign_of_life(before, activity_of(talks.pid(), 0), 1h, true) == "network");
    ::close(listener);
  }
}

TEST_CASE("WhatAnAnimationUsesIsNoWorkButWhatWasStartedForTheTurnCounts") {
  auto const second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  auto const now = 1000 * second;
  // Ten seconds between the looks, in a turn of a minute.
  auto const before = of({{1, {10 * second, 500, 9000}}}, now - 10 * second);
  CHECK(sign_of_life(before, of({{1, {10 * second, 500 + second, 9999}}}, now), 60s, true) == "");
  CHECK(sign_of_life(before, of({{1, {10 * second, 500 + second, 9000}}}, now), 60s, false) == "processor time");
  CHECK(sign_of_life(before, of({{1, {10 * second, 500, 9001}}}, now), 60s, false) == "input or output");
  CHECK(sign_of_life(before, of({{1, {10 * second, 500 + 5 * second, 9000}}}, now), 60s, true) == "processor time");
  auto const tool = [&](std::uint64_t cpu, std::uint64_t io) {
    return of({{1, {10 * second, 500, 9000}}, {2, {now - 30 * second, cpu, io}}}, now);
  };
  CHECK(sign_of_life(tool(7, 70), tool(7, 70), 60s, true) == "");
  CHECK(sign_of_life(tool(7, 70), tool(8, 70), 60s, true) == "processor time");
  CHECK(sign_of_life(tool(7, 70), tool(7, 71), 60s, true) == "input or output");
  // One that was there before the turn, a server say, has its own life.
  CHECK(sign_of_life(tool(7, 70), tool(7, 71), 10s, true) == "");
}
