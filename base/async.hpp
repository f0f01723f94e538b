// The coroutine vocabulary of the project, on one io_context thread.
#pragma once
#include "base/clock.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <functional>
#include <list>
#include <string>
#include <utility>

namespace ar {

namespace net = boost::asio;
template <class T>
using awaitable = net::awaitable<T>;
using Executor = net::any_io_executor;
using boost::system::error_code;
/// Completion token: the error code is part of the awaited tuple, nothing throws.
inline constexpr auto nothrow = net::as_tuple(net::use_awaitable);

/// Waits; returns early (false) when the coroutine is cancelled.
awaitable<bool> sleep_for(Clock::duration duration);

/// Something that happens again and again and that coroutines wait for. A waiter must check its own condition first,
/// since a notification with nobody waiting is not remembered. io thread only.
class Notifier {
 public:
  explicit Notifier(Executor executor);
  void notify_all();
  /// True when notified, false when the deadline passed or the coroutine was cancelled.
  awaitable<bool> wait(Clock::time_point deadline = Clock::time_point::max());

 private:
  Executor executor_;
  std::list<Timer*> waiting_;
};

/// Serialises coroutines: `auto lock = co_await mutex.lock();`, first come, first served. io thread only.
class AsyncMutex {
 public:
  explicit AsyncMutex(Executor executor) : executor_(std::move(executor)) {}
  class Lock {
   public:
    explicit Lock(AsyncMutex* mutex) : mutex_(mutex) {}
    Lock(Lock&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Lock& operator=(Lock&&) = delete;
    ~Lock() {
      if (mutex_) mutex_->unlock();
    }

   private:
    AsyncMutex* mutex_;
  };
  /// Throws operation_aborted when the coroutine is cancelled before its turn came.
  awaitable<Lock> lock();

 private:
  struct Waiter {
    Timer timer;
    bool granted = false;
  };
  void unlock();
  Executor executor_;
  bool held_ = false;
  std::list<Waiter*> waiting_;
};

/// Owns coroutines: each runs until it returns, throws (logged, never lost) or the group stops it. Nothing detached
/// outlives its owner: await stop() before destroying the group. io thread only.
class TaskGroup {
 public:
  /// Told what the exception said, after the task has left the group.
  using OnDeath = std::function<void(std::string const& why)>;

  TaskGroup(Executor executor, std::string name);
  ~TaskGroup();
  TaskGroup(TaskGroup const&) = delete;
  TaskGroup& operator=(TaskGroup const&) = delete;

  void spawn(std::string name, awaitable<void> task);
  /// A task without which its owner cannot do its work. An exception that ends it is the owner's to act on: `on_death`
  /// makes the fault visible, since nothing restarts the task.
  void spawn_vital(std::string name, awaitable<void> task, OnDeath on_death);
  /// Cancels all tasks and waits until each has ended.
  awaitable<void> stop();
  /// Waits until each task has ended by itself.
  awaitable<void> join();
  std::size_t size() const { return tasks_.size(); }
  Executor executor() const { return executor_; }

 private:
  struct Task {
    std::string name;
    net::cancellation_signal cancel;
  };
  Executor executor_;
  std::string name_;
  std::list<Task> tasks_;
  Notifier ended_;
};

}  // namespace ar
