#include "base/async.hpp"

#include "base/worker.hpp"
#include "support/log_lines.hpp"
#include "support/run.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace ar;
using namespace std::chrono_literals;

TEST_CASE("NotifierWakesEveryWaiterAndKeepsDeadlines") {
  net::io_context io(1);
  Notifier notifier(io.get_executor());
  TaskGroup group(io.get_executor(), "test");
  int woken = 0;
  auto waiter = [&]() -> awaitable<void> { woken += co_await notifier.wait(); };
  test::run(io, [&]() -> awaitable<void> {
    group.spawn("a", waiter());
    group.spawn("b", waiter());
    co_await sleep_for(1ms);
    notifier.notify_all();
    co_await sleep_for(1ms);
    CHECK(woken == 2);
    CHECK(group.size() == 0);
    CHECK_FALSE(co_await notifier.wait(Clock::now() + 2ms));
  });
}

TEST_CASE("MutexServesInOrderAndSurvivesACancelledWaiter") {
  net::io_context io(1);
  AsyncMutex mutex(io.get_executor());
  TaskGroup doomed(io.get_executor(), "doomed"), group(io.get_executor(), "test");
  std::vector<int> order;
  bool released = false;
  auto worker = [&](int id) -> awaitable<void> {
    auto lock = co_await mutex.lock();
    order.push_back(id);
    while (!released) co_await sleep_for(1ms);
  };
  test::run(io, [&]() -> awaitable<void> {
    group.spawn("1", worker(1));
    co_await sleep_for(0ms);
    doomed.spawn("2", worker(2));
    group.spawn("3", worker(3));
    co_await sleep_for(0ms);
    co_await doomed.stop();
    released = true;
    while (group.size() > 0) co_await sleep_for(1ms);
  });
  CHECK(order == std::vector<int>{1, 3});
}

TEST_CASE("AVitalTaskThatThrowsTellsItsOwner") {
  test::LogLines const log;
  net::io_context io;
  TaskGroup group(io.get_executor(), "test");
  std::vector<std::string> deaths;
  auto const tell = [&](std::string const& why) { deaths.push_back(why); };
  auto throws = []() -> awaitable<void> {
    (void)co_await sleep_for(1ms);
    throw std::runtime_error("a damaged row");
  };
  auto throws_something = []() -> awaitable<void> {
    (void)co_await sleep_for(1ms);
    throw 7;
  };
  auto returns = []() -> awaitable<void> { co_return; };
  auto waits = []() -> awaitable<void> { (void)co_await sleep_for(1h); };
  group.spawn_vital("throws", throws(), tell);
  group.spawn_vital("something", throws_something(), tell);
  group.spawn_vital("returns", returns(), tell);
  group.spawn_vital("waits", waits(), tell);
  auto stop = [&]() -> awaitable<void> {
    while (group.size() > 1) (void)co_await sleep_for(1ms);
    co_await group.stop();
  };
  test::run(io, stop);
  io.run();
  CHECK(deaths == std::vector<std::string>{"a damaged row", "an exception of an unknown type"});
}

TEST_CASE("TaskGroupStopsWhatRunsAndReportsWhatThrows") {
  test::LogLines const log;
  net::io_context io(1);
  TaskGroup group(io.get_executor(), "test");
  bool interrupted = false;
  auto sleeper = [&]() -> awaitable<void> { interrupted = !co_await sleep_for(1h); };
  auto thrower = []() -> awaitable<void> {
    co_await sleep_for(0ms);
    throw std::runtime_error("expected by the test");
  };
  test::run(io, [&]() -> awaitable<void> {
    group.spawn("sleeper", sleeper());
    group.spawn("thrower", thrower());
    co_await sleep_for(1ms);
    CHECK(group.size() == 1);
    co_await group.stop();
    CHECK(group.size() == 0);
  });
  CHECK(interrupted);
  CHECK(log.count("task test/thrower ended by an exception: expected by the test") == 1);
}

TEST_CASE("WorkerRunsJobsInOrderAndBringsValuesAndExceptionsBack") {
  net::io_context io(1);
  Worker worker;
  test::run(io, [&]() -> awaitable<void> {
    auto const here = std::this_thread::get_id();
    auto job = [here] { return std::this_thread::get_id() != here; };
    CHECK(co_await worker.run(job));
    CHECK(std::this_thread::get_id() == here);
    auto bad = []() -> int { throw std::runtime_error("boom"); };
    bool caught = false;
    try {
      co_await worker.run(bad);
    } catch (std::runtime_error const&) {
      caught = true;
    }
    CHECK(caught);
  });
}

TEST_CASE("WhatManyThreadsFinishAllComesBackAndTheContextWaitsForIt") {
  net::io_context io(1);
  WorkerPool pool(4);
  std::vector<std::unique_ptr<Worker>> workers;
  int back = 0;
  auto ask = [&back](Worker& worker) -> awaitable<void> {
    for (int i = 0; i < 500; ++i) {
      auto job = [i] { return i; };
      CHECK(co_await worker.run(job) == i);
      ++back;
    }
  };
  for (int i = 0; i < 8; ++i) {
    workers.push_back(std::make_unique<Worker>(pool));
    net::co_spawn(io, ask(*workers.back()), net::detached);
  }
  io.run();  // has work until the last is back, and none after it
  CHECK(back == 8 * 500);
}

TEST_CASE("AContextThatEndsTakesWithItWhatItsWorkerHasFinished") {
  Worker worker;
  auto held = std::make_shared<int>(0);
  std::weak_ptr<int> const seen = held;
  bool resumed = false;
  {
    net::io_context io(1);
    auto ask = [&](std::shared_ptr<int>) -> awaitable<void> {
      auto job = [] { return 1; };
      (void)co_await worker.run(job);
      resumed = true;
    };
    net::co_spawn(io, ask(std::move(held)), net::detached);
    io.run_one();  // the job is given
    std::promise<void> done;
    worker.post([&] { done.set_value(); });
    done.get_future().wait();  // and finished, since jobs run in order
    CHECK_FALSE(seen.expired());
  }
  CHECK(seen.expired());
  CHECK_FALSE(resumed);
}

TEST_CASE("ASlowWorkerOfAPoolHoldsUpItselfAlone") {
  net::io_context io(1);
  std::vector<int> order;
  std::promise<void> slow_may_end;
  {
    WorkerPool pool(2);
    Worker slow(pool), quick(pool);
    slow.post([&] { slow_may_end.get_future().wait(); });
    slow.post([&] { order.push_back(2); });
    test::run(io, [&]() -> awaitable<void> {
      auto job = [&] {
        order.push_back(1);
        return order.size();
      };
      CHECK(co_await quick.run(std::move(job)) == 1);
    });
    CHECK(order == std::vector<int>{1});
    slow_may_end.set_value();
  }
  CHECK(order == std::vector<int>{1, 2});  // the pool's end has finished what was given
}

TEST_CASE("ATaskThatHasStoppedAGroupCanStillBeCancelled") {
  net::io_context io(1);
  TaskGroup outer(io.get_executor(), "outer"), inner(io.get_executor(), "inner");
  bool cancelled = false;
  auto sleeper = []() -> awaitable<void> { co_await sleep_for(1h); };
  auto stopper = [&]() -> awaitable<void> {
    inner.spawn("sleeper", sleeper());
    co_await inner.stop();
    cancelled = !co_await sleep_for(1h);
  };
  test::run(io, [&]() -> awaitable<void> {
    outer.spawn("stopper", stopper());
    co_await sleep_for(5ms);
    co_await outer.stop();
  });
  CHECK(cancelled);
}
