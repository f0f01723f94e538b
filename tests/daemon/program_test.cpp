// A program's end: in order when that goes, within its deadline when not, and at once when asked twice.
#include "daemon/runtime/program.hpp"

#include "support/log_lines.hpp"

#include <boost/asio/post.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace ar;
using namespace ar::daemon;
using namespace std::chrono_literals;

namespace {

/// What a test makes of a program.
struct Script {
  std::function<awaitable<Result<void>>(Program&, net::io_context&)> serve;
  std::function<awaitable<void>()> end;
  Clock::duration longest_end = 20s;
};

class Scripted final : public Program {
 public:
  Scripted(net::io_context& io, Script const& script, bool& ended)
      : Program(io.get_executor()), io_(io), script_(script), ended_(ended) {}
  awaitable<Result<void>> serve() override {
    if (script_.serve) co_return co_await script_.serve(*this, io_);
    co_return co_await until_stopped();
  }
  awaitable<void> end(bool) override {
    if (script_.end) co_await script_.end();
    ended_ = true;
  }
  Clock::duration longest_end() const override { return script_.longest_end; }
  using Program::until_stopped;

 private:
  net::io_context& io_;
  Script const& script_;
  bool& ended_;
};

struct Lived {
  std::string error;  ///< empty: it ended well
  bool ended = false;
};

Lived live_here(Script const& script) {
  Lived lived;
  auto const make = [&](net::io_context& io) { return std::make_unique<Scripted>(io, script, lived.ended); };
  auto const last_words = [](Error const& why) { FAIL("cut off: ", why.message); };
  if (auto const result = live(make, last_words); !result) lived.error = result.error().message;
  return lived;
}

/// The same in a process of its own, whose words come back: "end" when its end begins, and its last ones.
class Living {
 public:
  explicit Living(Script script) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      auto const say = [out = ends[1]](std::string const& words) { (void)!::write(out, words.data(), words.size()); };
      auto end = std::move(script.end);
      script.end = [&say, &end]() -> awaitable<void> {
        say("end ");
        co_await end();
      };
      bool ended = false;
      auto const make = [&](net::io_context& io) { return std::make_unique<Scripted>(io, script, ended); };
      auto const result = live(make, [&say](Error const& why) { say(why.message); });
      std::_Exit(result && ended ? 0 : 2);
    }
    ::close(ends[1]);
    from_ = ends[0];
  }
  ~Living() {
    ::close(from_);
    if (pid_ > 0) ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
  }
  Living(Living const&) = delete;
  Living& operator=(Living const&) = delete;

  pid_t pid() const { return pid_; }
  std::string words() {
    char buffer[1024];
    auto const n = ::read(from_, buffer, sizeof buffer);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
  }
  /// How it ended, as waitpid says it.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

 private:
  pid_t pid_ = -1;
  int from_ = -1;
};

awaitable<Result<void>> stop_at_once(Program& program, net::io_context&) {
  program.ask_to_stop();
  co_return Result<void>();
}

awaitable<void> hang() {
  for (;;) (void)co_await sleep_for(1h);
}

}  // namespace

TEST_CASE("AProgramThatIsToldToStopEndsWell") {
  auto const lived = live_here({.serve = stop_at_once, .end = {}});
  CHECK(lived.error.empty());
  CHECK(lived.ended);
}

TEST_CASE("WhatServeThrowsEndsItInOrderAndIsTheReason") {
  Script script;
  script.serve = [](Program&, net::io_context&) -> awaitable<Result<void>> { throw std::runtime_error("a bad row"); };
  auto const lived = live_here(script);
  CHECK(lived.error == "stopped by an internal error: a bad row");
  CHECK(lived.ended);
}

TEST_CASE("WhatAHandlerThrowsEndsItInOrderAndIsTheReason") {
  Script script;
  script.serve = [](Program& program, net::io_context& io) -> awaitable<Result<void>> {
    net::post(io, [] { throw std::runtime_error("a bad answer"); });
    co_return co_await static_cast<Scripted&>(program).until_stopped();
  };
  auto const lived = live_here(script);
  CHECK(lived.error.find("a bad answer") != std::string::npos);
  CHECK(lived.ended);
}

TEST_CASE("TheDeathOfAVitalTaskEndsItInOrderAndIsTheReason") {
  test::LogLines const log;
  Script script;
  script.serve = [](Program& program, net::io_context& io) -> awaitable<Result<void>> {
    TaskGroup tasks(io.get_executor(), "test");
    auto dies = []() -> awaitable<void> {
      (void)co_await sleep_for(1ms);
      throw std::runtime_error("out of order");
    };
    tasks.spawn_vital("part", dies(), program.on_death_of("journal"));
    auto ended = co_await static_cast<Scripted&>(program).until_stopped();
    co_await tasks.stop();
    co_return ended;
  };
  auto const lived = live_here(script);
  CHECK(lived.error == "the journal ended by an internal error: out of order");
  CHECK(lived.ended);
}

TEST_CASE("AnEndThatHangsIsCutOffWithItsReason") {
  Script script;
  script.longest_end = 100ms;
  SUBCASE("its main loop still turns") { script.end = hang; }
  SUBCASE("its main loop is stuck") {
    script.end = []() -> awaitable<void> {
      std::this_thread::sleep_for(1h);
      co_return;
    };
  }
  SUBCASE("it served well") { script.serve = stop_at_once; }
  if (!script.end) script.end = hang;
  bool const failed = !script.serve;
  if (failed)
    script.serve = [](Program&, net::io_context&) -> awaitable<Result<void>> {
      co_return unavailable("no_tmux", "there is no tmux");
    };
  Living living(script);
  int const status = living.wait();
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 1));
  auto const words = living.words();
  CHECK(words.find(failed ? "there is no tmux" : "it has not ended within") != std::string::npos);
}

TEST_CASE("AnEndThatThrowsIsCutOffWithItsReason") {
  Script script;
  script.serve = stop_at_once;
  script.end = []() -> awaitable<void> { throw std::runtime_error("a bad goodbye"); };
  Living living(script);
  int const status = living.wait();
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 1));
  CHECK(living.words().find("a bad goodbye") != std::string::npos);
}

TEST_CASE("ASecondSignalEndsItAtOnce") {
  for (int const signal : {SIGTERM, SIGINT}) {
    Script script;
    script.serve = [](Program& program, net::io_context&) -> awaitable<Result<void>> {
      ::kill(::getpid(), SIGTERM);
      co_return co_await static_cast<Scripted&>(program).until_stopped();
    };
    script.end = [] { return hang(); };
    Living living(script);
    CHECK(living.words() == "end ");
    ::kill(living.pid(), signal);
    int const status = living.wait();
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == signal));
  }
}
