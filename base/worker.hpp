// A thread for what blocks (SQLite commits, compression): jobs run one after another, in the order they were given,
// and their results come back to the awaiting coroutine's own thread.
#pragma once
#include "base/async.hpp"
#include "base/completion_queue.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace ar {

/// Threads that workers share: as many jobs run at once, and of one worker one.
class WorkerPool {
 public:
  explicit WorkerPool(std::size_t threads) : threads_(threads) {}
  /// Finishes every job given so far, then joins. Its workers must be gone before.
  ~WorkerPool() { threads_.join(); }

 private:
  friend class Worker;
  net::thread_pool threads_;
};

class Worker {
 public:
  /// With a thread of its own; its end finishes every job given so far.
  Worker() : own_(std::make_unique<net::thread_pool>(1)), lane_(own_->get_executor()) {}
  /// On threads that it shares: who is slow there holds up itself, and others only when all threads are taken.
  explicit Worker(WorkerPool& pool) : lane_(net::make_strand(pool.threads_.get_executor())) {}
  ~Worker() {
    if (own_) own_->join();
  }
  Worker(Worker const&) = delete;
  Worker& operator=(Worker const&) = delete;

  /// Runs `job()` on the worker and resumes with its value; an exception travels to the awaiter. Name the job before
  /// awaiting (see base/async.hpp). Once given, a job always runs, also when the awaiter is cancelled.
  template <class Job, class Value = std::invoke_result_t<Job&>>
  awaitable<Value> run(Job job) {
    static_assert(!std::is_void_v<Value>, "return a Result, so that the caller learns how it went");
    std::optional<Value> value = co_await start<Job, Value>(std::move(job));
    co_return std::move(*value);
  }
  /// Runs `job()` in its turn; nobody waits for it.
  template <class Job>
  void post(Job job) {
    net::post(lane_, std::move(job));
  }

 private:
  template <class Job, class Value, class Handler>
  struct Given final : Completion {
    Given(Handler whose, Job what) : handler(std::move(whose)), job(std::move(what)) {}
    void run() noexcept {
      try {
        value.emplace((*job)());
      } catch (...) {
        error = std::current_exception();
      }
      job.reset();  // what it held ends here, not on the io thread
    }
    void complete() override { std::move(handler)(error, std::move(value)); }

    Handler handler;
    std::optional<Job> job;
    std::exception_ptr error{};
    std::optional<Value> value{};
  };
  template <class Job, class Value>
  auto start(Job job) {
    auto initiate = [this](auto handler, Job inner) {
      auto given = std::make_unique<Given<Job, Value, decltype(handler)>>(std::move(handler), std::move(inner));
      auto& back = CompletionQueue::of(net::get_associated_executor(given->handler));
      back.expect();
      net::post(lane_, [&back, given = std::move(given)]() mutable {
        given->run();
        back.push(std::move(given));
      });
    };
    return net::async_initiate<net::use_awaitable_t<> const, void(std::exception_ptr, std::optional<Value>)>(
        std::move(initiate), net::use_awaitable, std::move(job));
  }
  std::unique_ptr<net::thread_pool> const own_;
  net::any_io_executor const lane_;
};

}  // namespace ar
