// The one who asked, for handlers that let it wait or stream to it.
#pragma once
#include "base/async.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <optional>
#include <string_view>
#include <utility>

namespace ar::http {

class Peer {
 public:
  virtual ~Peer() = default;
  /// For a stream's answer only. False once the client has gone or took longer than the limit for its bytes.
  virtual awaitable<bool> write(std::string_view bytes) = 0;
  /// Of a stream that cannot be sent to its end: the client is not to take it for whole.
  virtual void cut_off() = 0;
  /// Returns when the client has hung up or the server stops.
  virtual awaitable<void> gone() = 0;
  /// The server stops, and the client may well be there.
  virtual bool stopping() const = 0;
};

/// Awaits `work` until `end` returns; nothing when that comes first, after `work` was cancelled. So use it on waits,
/// not on changes: those must not stop half-way.
template <class T>
awaitable<std::optional<T>> until(awaitable<void> end, awaitable<T> work) {
  auto const executor = co_await net::this_coro::executor;
  auto group = net::experimental::make_parallel_group(net::co_spawn(executor, std::move(work), net::deferred),
                                                      net::co_spawn(executor, std::move(end), net::deferred));
  auto [order, work_failed, value, watch_failed] =
      co_await group.async_wait(net::experimental::wait_for_one(), net::use_awaitable);
  if (order[0] != 0) co_return std::nullopt;
  if (work_failed) std::rethrow_exception(work_failed);
  co_return std::move(value);
}

/// Awaits `work` while the client is there to hear of it. `client`: a Peer, or something else that has its gone().
template <class Client, class T>
awaitable<std::optional<T>> while_present(Client& client, awaitable<T> work) {
  return until(client.gone(), std::move(work));
}

}  // namespace ar::http
