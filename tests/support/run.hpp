// Runs one coroutine on an io_context of its own until it ends, with a deadline after which the test fails.
#pragma once
#include "base/async.hpp"
#include "support/patience.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <exception>

namespace ar::test {

/// `make` is a callable that returns awaitable<void>; what it captures must outlive the call. Rethrows what it throws.
template <class Make>
void run(net::io_context& io, Make make, std::chrono::seconds limit = std::chrono::seconds(30)) {
  bool done = false;
  std::exception_ptr error;
  net::cancellation_signal cancel;
  auto ended = [&](std::exception_ptr e) {
    error = e;
    done = true;
  };
  net::co_spawn(io, make(), net::bind_cancellation_slot(cancel.slot(), ended));
  auto const wait = [&](std::chrono::seconds time) {
    auto const deadline = std::chrono::steady_clock::now() + kPatience * time;
    while (!done && std::chrono::steady_clock::now() < deadline) io.run_one_for(std::chrono::milliseconds(100));
  };
  io.restart();
  wait(limit);
  bool const in_time = done;
  if (!in_time) {  // it uses what the caller is about to destroy
    cancel.emit(net::cancellation_type::terminal);
    wait(std::chrono::seconds(10));
  }
  REQUIRE_MESSAGE(in_time, "the coroutine did not end within its deadline");
  if (error) std::rethrow_exception(error);
}

/// Moves the frozen clock and runs everything that becomes due by it.
inline void advance(net::io_context& io, ManualClock& clock, Clock::duration by) {
  clock.advance(by);
  // Asio sleeps on a kernel timer of real time; a timer that is due at once makes it look at ours again.
  Timer poke(io, Clock::time_point::min());
  poke.async_wait([](error_code) {});
  io.restart();
  while (io.poll() > 0) {
  }
}

}  // namespace ar::test
