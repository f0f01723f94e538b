// The event log over a WebSocket. One coroutine writes, and another reads, since a client speaks as it likes: each sees
// by the connection's end that the other has ended.
#include "base/ids.hpp"
#include "control/event_stream.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>

#include <optional>

namespace ar::control {
namespace {

using http::CloseCode;
using http::CloseReason;

constexpr std::size_t write_bytes = 64U << 10;
constexpr auto goodbye_time = std::chrono::seconds(1);

/// What answers a client's ping, "ping" or "NAME:ping"; nothing for any other text.
std::optional<std::string> pong_of(std::string_view text) {
  constexpr std::string_view ping = "ping";
  if (!text.ends_with(ping)) return std::nullopt;
  std::string const name(text.substr(0, text.size() - ping.size()));
  bool const named = name.ends_with(':') && is_safe_name(std::string_view(name).substr(0, name.size() - 1));
  if (!name.empty() && !named) return std::nullopt;
  return name + "pong";
}

class EventSocket final : public EventSink {
 public:
  EventSocket(http::WebSocket& socket, Executor executor, Clock::duration write_time)
      : socket_(socket), write_time_(write_time), ended_(std::move(executor)) {}

  awaitable<void> run(EventsApi& events, EventCursor from, Clock::duration keep_alive) {
    auto const executor = co_await net::this_coro::executor;
    auto writing = write_all(events, std::move(from), keep_alive);
    auto reading = read_all();
    auto group = net::experimental::make_parallel_group(net::co_spawn(executor, std::move(writing), net::deferred),
                                                        net::co_spawn(executor, std::move(reading), net::deferred));
    auto [order, write_failed, read_failed] =
        co_await group.async_wait(net::experimental::wait_for_all(), net::use_awaitable);
    if (write_failed) std::rethrow_exception(write_failed);
    if (read_failed) std::rethrow_exception(read_failed);
  }

  awaitable<bool> write(std::int64_t, std::string_view json_text) override {
    if (!socket_.send(std::string(json_text))) co_return false;
    if (socket_.unsent() < write_bytes) co_return true;
    co_return co_await flush();
  }
  awaitable<bool> flush() override {
    bool const taken = co_await socket_.flush(Clock::now() + write_time_);
    if (!taken)
      why_ = {CloseCode::try_again_later, "too slow: what was sent was not taken; resume after the last event you got"};
    co_return taken;
  }
  awaitable<bool> keep_alive() override {
    socket_.ping();
    co_return socket_.is_open();
  }
  awaitable<void> gone() override {
    bool going_on = true;
    while (going_on && !read_ended_) going_on = co_await ended_.wait();
  }

 private:
  awaitable<void> write_all(EventsApi& events, EventCursor from, Clock::duration keep_alive) {
    struct Cut {
      http::WebSocket& socket;
      ~Cut() { socket.cut("its events have ended"); }  // or the reader would wait for ever
    } const cut{socket_};
    auto const streamed = co_await stream_events(events, *this, std::move(from), keep_alive);
    if (!streamed) why_ = {CloseCode::internal_error, "the event log cannot be read now; resume later"};
    co_await socket_.close(goodbye_time, std::move(why_));
  }

  awaitable<void> read_all() {
    for (;;) {
      auto const text = co_await socket_.read();
      if (!text) break;
      auto pong = pong_of(*text);
      if (!pong) {
        why_ = {CloseCode::policy_error, "only \"ping\" and \"NAME:ping\" are understood here"};
        break;
      }
      (void)socket_.send(std::move(*pong));
    }
    read_ended_ = true;
    ended_.notify_all();
  }

  http::WebSocket& socket_;
  Clock::duration const write_time_;
  Notifier ended_;
  bool read_ended_ = false;
  CloseReason why_{};
};

}  // namespace

awaitable<void> stream_to_websocket(EventsApi& events, http::WebSocket& socket, EventCursor from,
                                    Limits const& limits) {
  EventSocket stream(socket, co_await net::this_coro::executor, limits.stream_write_time);
  co_await stream.run(events, std::move(from), limits.stream_keep_alive);
}

}  // namespace ar::control
