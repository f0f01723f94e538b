#include "base/async.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <spdlog/spdlog.h>

#include <exception>

namespace ar {

awaitable<bool> sleep_for(Clock::duration duration) {
  Timer timer(co_await net::this_coro::executor, duration);
  auto [ec] = co_await timer.async_wait(nothrow);
  co_return !ec;
}

Notifier::Notifier(Executor executor) : executor_(std::move(executor)) {}

void Notifier::notify_all() {
  // A timer that is cancelled while it waits says "aborted": that is our "notified". Moving the expiry into the past
  // marks it, so that a deadline that passes at the same moment is not mistaken for it.
  for (Timer* timer : waiting_) timer->expires_at(Clock::time_point::min());
}

awaitable<bool> Notifier::wait(Clock::time_point deadline) {
  Timer timer(executor_, deadline);
  auto const place = waiting_.insert(waiting_.end(), &timer);
  struct Leave {
    std::list<Timer*>& list;
    std::list<Timer*>::iterator place;
    ~Leave() { list.erase(place); }
  } leave{waiting_, place};
  (void)co_await timer.async_wait(nothrow);
  co_return timer.expiry() == Clock::time_point::min();
}

awaitable<AsyncMutex::Lock> AsyncMutex::lock() {
  if (!held_) {
    held_ = true;
    co_return Lock(this);
  }
  Waiter waiter{Timer(executor_, Clock::time_point::max())};
  waiting_.push_back(&waiter);
  (void)co_await waiter.timer.async_wait(nothrow);
  if (!waiter.granted) {
    waiting_.remove(&waiter);
    throw boost::system::system_error(net::error::operation_aborted);
  }
  co_return Lock(this);
}

void AsyncMutex::unlock() {
  if (waiting_.empty()) {
    held_ = false;
    return;
  }
  Waiter* const next = waiting_.front();  // held_ stays true: the lock is handed over, nobody can slip in between
  waiting_.pop_front();
  next->granted = true;
  next->timer.cancel();
}

TaskGroup::TaskGroup(Executor executor, std::string name)
    : executor_(std::move(executor)), name_(std::move(name)), ended_(executor_) {}

TaskGroup::~TaskGroup() {
  if (!tasks_.empty()) spdlog::critical("bug: task group {} destroyed with {} running tasks", name_, tasks_.size());
}

namespace {

/// What ended a task; empty: it returned, or its group has stopped it.
std::string cause_of(std::exception_ptr const& error) {
  if (!error) return {};
  try {
    std::rethrow_exception(error);
  } catch (boost::system::system_error const& e) {
    return e.code() == net::error::operation_aborted ? std::string() : e.what();
  } catch (std::exception const& e) {
    return e.what();
  } catch (...) {
    return "an exception of an unknown type";
  }
}

}  // namespace

void TaskGroup::spawn(std::string name, awaitable<void> task) { spawn_vital(std::move(name), std::move(task), {}); }

void TaskGroup::spawn_vital(std::string name, awaitable<void> task, OnDeath on_death) {
  auto const place = tasks_.emplace(tasks_.end());
  place->name = std::move(name);
  auto done = [this, place, on_death = std::move(on_death)](std::exception_ptr error) {
    auto const why = cause_of(error);
    if (!why.empty()) spdlog::error("task {}/{} ended by an exception: {}", name_, place->name, why);
    tasks_.erase(place);
    ended_.notify_all();
    if (!why.empty() && on_death) on_death(why);
  };
  net::co_spawn(executor_, std::move(task), net::bind_cancellation_slot(place->cancel.slot(), std::move(done)));
}

awaitable<void> TaskGroup::stop() {
  // The stopper must see the end of its tasks also when it is cancelled itself meanwhile; it learns of that afterwards.
  bool const throws = co_await net::this_coro::throw_if_cancelled();
  co_await net::this_coro::throw_if_cancelled(false);
  for (auto it = tasks_.begin(); it != tasks_.end();) {
    auto& task = *it++;  // a task may end, and leave the list, inside emit
    task.cancel.emit(net::cancellation_type::terminal);
  }
  co_await join();
  co_await net::this_coro::throw_if_cancelled(throws);
}

awaitable<void> TaskGroup::join() {
  while (!tasks_.empty()) {
    auto const count = tasks_.size();
    bool const some_ended = co_await ended_.wait(Clock::now() + std::chrono::seconds(5));
    if (some_ended || tasks_.size() != count) continue;
    std::string names;
    for (auto const& task : tasks_) names += (names.empty() ? "" : ", ") + task.name;
    spdlog::warn("task group {} still waits for: {}", name_, names);
  }
}

}  // namespace ar
