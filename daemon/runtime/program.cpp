#include "daemon/runtime/program.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace ar::daemon {
namespace {

using namespace std::chrono_literals;
/// For what is still under way when all has ended in order, such as the last answer of a worker.
constexpr auto kStragglers = 1s;

std::string words_of(std::exception_ptr const& error) {
  try {
    std::rethrow_exception(error);
  } catch (std::exception const& e) {
    return e.what();
  } catch (...) {
    return "an exception of an unknown type";
  }
}

/// Cuts the process off when it has not ended in time. A thread, since the io thread may be what hangs.
class Deadline {
 public:
  Deadline(Clock::duration time, std::function<void()> cut_off)
      : thread_([this, until = Clock::now() + time, cut_off = std::move(cut_off)] {
          std::unique_lock lock(mutex_);
          if (!ended_.wait_until(lock, until, [this] { return met_; })) cut_off();
        }) {}
  ~Deadline() {
    {
      std::lock_guard const lock(mutex_);
      met_ = true;
    }
    ended_.notify_all();
    thread_.join();
  }
  Deadline(Deadline const&) = delete;
  Deadline& operator=(Deadline const&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool met_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace

void Program::ask_to_stop() {
  stopping_ = true;
  changed_.notify_all();
}

void Program::fail(Error why) {
  if (fault_) fault_ = std::move(why);
  ask_to_stop();
}

TaskGroup::OnDeath Program::on_death_of(std::string part) {
  return [this, part = std::move(part)](std::string const& why) {
    fail(internal("bug", "the " + part + " ended by an internal error: " + why));
  };
}

awaitable<Result<void>> Program::until_stopped() {
  while (!stopping_) (void)co_await changed_.wait();
  co_return fault_;
}

Result<void> live(MakeProgram const& make, std::function<void(Error const&)> const& last_words) {
  ::signal(SIGPIPE, SIG_IGN);
  net::io_context io(1);
  auto program = make(io);
  net::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](error_code ec, int signal) {
    if (ec) return;
    spdlog::info("signal {}: stopping", signal);
    signals.clear();  // the next one does what it does to any process
    program->ask_to_stop();
  });

  net::signal_set hang_ups(io, SIGHUP);
  std::function<void()> const await_hang_up = [&] {
    hang_ups.async_wait([&](error_code ec, int) {
      if (ec) return;
      await_hang_up();
      program->reload();
    });
  };
  await_hang_up();

  Result<void> result;
  // Where destructors cannot help: parts of the program may be under way, and refer to each other.
  auto const cut_off = [&](std::string const& why) {
    spdlog::critical("{}; it is cut off", why);
    last_words(result ? internal("cut_off", why) : result.error());
    spdlog::default_logger()->flush();
    std::_Exit(EXIT_FAILURE);
  };
  std::optional<Deadline> deadline;  // until the program is destroyed: its workers may hang, too
  bool in_order = false;
  auto const ended = [&](std::exception_ptr error) {
    if (error) cut_off("it could not end in order: " + words_of(error));
    in_order = true;
    signals.cancel();
    hang_ups.cancel();
    io.stop();
  };
  auto const served = [&](std::exception_ptr error, Result<void> how) {
    result = std::move(how);
    if (error) result = internal("bug", "stopped by an internal error: " + words_of(error));
    if (!result) spdlog::error("{}", result.error().message);
    auto const time = program->longest_end();
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
    deadline.emplace(time,
                     [&cut_off, seconds] { cut_off("it has not ended within " + std::to_string(seconds) + " s"); });
    net::co_spawn(io, program->end(result.has_value()), ended);
  };
  net::co_spawn(io, program->serve(), served);
  while (!in_order) {
    try {
      io.run();
    } catch (...) {  // out of a handler that is no coroutine: that one is over, the others go on
      program->fail(internal("bug", "stopped by an internal error: " + words_of(std::current_exception())));
    }
  }
  io.restart();
  io.run_for(kStragglers);
  if (!io.stopped()) cut_off("something still runs after the end");
  program.reset();
  return result;
}

}  // namespace ar::daemon
