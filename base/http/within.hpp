// A deadline over work that knows none.
#pragma once
#include "base/async.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <optional>

namespace ar::http {

/// `work`'s value, or nothing once `time` has passed and the work has been cancelled.
template <class T>
awaitable<std::optional<T>> within(Clock::duration time, awaitable<T> work) {
  auto const executor = co_await net::this_coro::executor;
  Timer timer(executor, time);
  auto group = net::experimental::make_parallel_group(net::co_spawn(executor, std::move(work), net::deferred),
                                                      timer.async_wait(net::deferred));
  auto [order, failed, value, timer_error] =
      co_await group.async_wait(net::experimental::wait_for_one(), net::use_awaitable);
  if (order[0] != 0) co_return std::nullopt;
  if (failed) std::rethrow_exception(failed);
  co_return std::move(value);
}

}  // namespace ar::http
