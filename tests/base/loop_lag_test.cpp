#include "base/loop_lag.hpp"

#include "support/log_lines.hpp"
#include "support/run.hpp"

#include <atomic>
#include <thread>
#include <vector>

using namespace ar;
using namespace std::chrono_literals;

TEST_CASE("AThreadThatStandsStillIsAFault") {
  test::LogLines const lines;
  net::io_context io(1);
  LoopLag lag(1ms, 50ms);
  TaskGroup tasks(io.get_executor(), "test");
  tasks.spawn("lag", lag.watch());
  test::run(io, [&]() -> awaitable<void> {
    for (int looks = 0; looks < 20; looks = lag.shown()["looks"]) co_await sleep_for(1ms);
    CHECK(lines.count("stood still") == 0);
    auto const before = lag.shown()["looks"].get<int>();
    std::this_thread::sleep_for(200ms);  // whatever blocks
    while (lag.shown()["looks"].get<int>() == before) co_await sleep_for(1ms);
    auto const shown = lag.shown();
    CHECK(shown["maxMs"] > 150.0);
    CHECK(shown["p50Ms"] < 50.0);
    CHECK(lines.count("bug: the io thread stood still for") == 1);
    co_await tasks.stop();
  });
}

TEST_CASE("WaitingForAProcessorIsNoFaultOfOurs") {
  test::LogLines const lines;
  net::io_context io(1);
  LoopLag lag(1ms, 50ms);
  TaskGroup tasks(io.get_executor(), "test");
  tasks.spawn("lag", lag.watch());
  test::run(io, [&]() -> awaitable<void> {
    // As many as take this thread's processor from it, however many there are.
    std::atomic<bool> over = false;
    std::vector<std::jthread> others;
    for (unsigned i = 0; i < 8 * std::max(1U, std::thread::hardware_concurrency()); ++i)
      others.emplace_back([&] {
        while (!over) {
        }
      });
    auto const end = Clock::now() + 500ms;
    while (Clock::now() < end) co_await sleep_for(1ms);
    over = true;
    CHECK(lines.count("stood still") == 0);
    co_await tasks.stop();
  });
}
