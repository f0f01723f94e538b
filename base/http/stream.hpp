// A connected socket, with TLS or without: what HTTP and WebSocket read and write, so that they are compiled once for
// both. A handle: copies are the same stream. Only for this folder's .cpp files.
#pragma once
#include "base/async.hpp"
#include "base/http/tls.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/role.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ar::http {

using Socket = net::generic::stream_protocol::socket;

class Stream {
 public:
  using executor_type = Socket::executor_type;

  /// Without `tls`: plain. With it, handshake before anything else.
  explicit Stream(Socket socket, Tls tls = {}) : state_(std::make_shared<State>(std::move(socket), std::move(tls))) {}

  executor_type get_executor() const { return state_->socket.get_executor(); }
  Socket& socket() { return state_->socket; }
  bool secure() const { return state_->ssl.has_value(); }
  /// Ends it at once, also from inside a timer: every operation under way fails.
  void shut_down(Socket::shutdown_type what = Socket::shutdown_both) {
    error_code ignored;
    state_->socket.shutdown(what, ignored);
  }

  /// Told of the bytes of each read before whoever asked for them is.
  void watch_reads(std::function<void(std::size_t)> watcher) { state_->watcher = std::move(watcher); }

  /// Nothing to do on a plain stream.
  awaitable<error_code> handshake_as_server() {
    if (!state_->ssl) co_return error_code();
    auto const keep = state_;
    auto [ec] = co_await keep->ssl->async_handshake(net::ssl::stream_base::server, nothrow);
    co_return ec;
  }
  /// The server's certificate must be for `host`.
  awaitable<error_code> handshake_as_client(std::string host) {
    if (!state_->ssl) co_return error_code();
    auto const keep = state_;
    error_code ec;
    keep->ssl->set_verify_callback(net::ssl::host_name_verification(host), ec);
    if (!SSL_set_tlsext_host_name(keep->ssl->native_handle(), host.c_str())) co_return net::error::invalid_argument;
    std::tie(ec) = co_await keep->ssl->async_handshake(net::ssl::stream_base::client, nothrow);
    co_return ec;
  }

  template <class Buffers, class Token>
  auto async_read_some(Buffers const& buffers, Token&& token) {
    auto start = [state = state_.get()](auto handler, Buffers const& into) {
      if (state->watcher)
        state->read(into, watched(state, std::move(handler)));
      else
        state->read(into, std::move(handler));
    };
    return net::async_initiate<Token, void(error_code, std::size_t)>(std::move(start), token, buffers);
  }
  template <class Buffers, class Token>
  auto async_write_some(Buffers const& buffers, Token&& token) {
    auto start = [state = state_.get()](auto handler, Buffers const& from) {
      if (state->ssl)
        state->ssl->async_write_some(from, std::move(handler));
      else
        state->socket.async_write_some(from, std::move(handler));
    };
    return net::async_initiate<Token, void(error_code, std::size_t)>(std::move(start), token, buffers);
  }

 private:
  struct State {
    State(Socket connected, Tls context) : socket(std::move(connected)), tls(std::move(context)) {
      if (tls) ssl.emplace(socket, *tls);
    }
    template <class Buffers, class Handler>
    void read(Buffers const& into, Handler&& handler) {
      if (ssl)
        ssl->async_read_some(into, std::forward<Handler>(handler));
      else
        socket.async_read_some(into, std::forward<Handler>(handler));
    }
    Socket socket;
    Tls tls;
    std::optional<net::ssl::stream<Socket&>> ssl{};
    std::function<void(std::size_t)> watcher{};
  };
  /// Run where the handler is to run, and cancelled as it is.
  template <class Handler>
  static auto watched(State* state, Handler handler) {
    auto const slot = net::get_associated_cancellation_slot(handler);
    auto const executor = net::get_associated_executor(handler, state->socket.get_executor());
    auto tell = [state, handler = std::move(handler)](error_code ec, std::size_t bytes) mutable {
      state->watcher(bytes);
      std::move(handler)(ec, bytes);
    };
    return net::bind_cancellation_slot(slot, net::bind_executor(executor, std::move(tell)));
  }
  std::shared_ptr<State> state_;
};

/// Beast's hooks for the end of a WebSocket on a stream of ours: the other side has closed it, nothing is left to say.
template <class Handler>
void async_teardown(boost::beast::role_type, Stream& stream, Handler&& handler) {
  stream.shut_down();
  net::post(stream.get_executor(),
            [handler = std::forward<Handler>(handler)]() mutable { std::move(handler)(error_code()); });
}
inline void beast_close_socket(Stream& stream) { stream.shut_down(); }
inline void teardown(boost::beast::role_type, Stream& stream, error_code& ec) {
  stream.shut_down();
  ec = {};
}

}  // namespace ar::http
