#include "base/http/websocket.hpp"

#include "base/http/accept_websocket.hpp"
#include "base/http_error.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <algorithm>
#include <deque>

namespace ar::http {
namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;

/// A buffer that one large frame has blown up is given back.
constexpr std::size_t kKeptBuffer = 1U << 20;
/// What comes in for one message besides its text: masks and lengths of its frames, and frames that hold nothing, for
/// which read() does not return.
constexpr std::size_t kBytesAByte = 8, kBytesAMessage = 16U << 10;
constexpr double kPingsAtOnce = 50, kPingsPerSecond = 2;

/// Outlives the WebSocket for as long as a write is under way: the first frame queued starts it, and each one that has
/// gone starts the next.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Stream stream, WebSocketLimits limits) : ws(std::move(stream)), limits_(limits), drained_(ws.get_executor()) {
    websocket::stream_base::timeout none{};  // deadlines are ours: Beast's do not know our clock
    none.handshake_timeout = websocket::stream_base::none();
    none.idle_timeout = websocket::stream_base::none();
    none.keep_alive_pings = false;
    ws.set_option(none);
    ws.read_message_max(limits.frame_bytes);
    ws.control_callback([this](websocket::frame_type, boost::beast::string_view) {
      received_ = 0;
      if (is_flood()) cut("it sent too many pings");
    });
    ws.next_layer().watch_reads([this](std::size_t bytes) {
      // Of what was read before, the text is in the buffer by now.
      if (received_ > kBytesAMessage + kBytesAByte * buffer_.size()) cut("it sent too many frames that hold nothing");
      received_ += bytes;
    });
  }

  awaitable<Result<std::string>> read() {
    auto const self = shared_from_this();
    received_ = 0;
    auto const [ec, size] = co_await ws.async_read(buffer_, nothrow);
    if (ec) co_return failure(ec);
    if (!ws.got_text()) co_return end("not_text", "it sent a binary frame");
    std::string text(static_cast<char const*>(buffer_.data().data()), size);
    buffer_.consume(size);
    if (buffer_.capacity() > kKeptBuffer) buffer_ = beast::flat_buffer();
    co_return text;
  }

  bool send(std::string text) {
    if (!open_ || closing_) return false;
    unsent_ += text.size();
    if (unsent_ > limits_.unsent_bytes) {
      cut("it left " + std::to_string(unsent_ >> 10) + " KiB unread");
      return false;
    }
    queue_.push_back(std::move(text));
    if (queue_.size() == 1) write();
    return true;
  }

  awaitable<bool> flush(Clock::time_point deadline) {
    auto const self = shared_from_this();
    bool in_time = true;
    while (in_time && open_ && !queue_.empty()) in_time = co_await drained_.wait(deadline);
    co_return queue_.empty() && open_;
  }

  void ping() {
    if (!open_ || closing_ || std::exchange(pinging_, true)) return;
    ws.async_ping({}, [self = shared_from_this()](error_code ec) {
      self->pinging_ = false;
      if (ec && !self->closing_) self->cut(ec.message());
    });
  }

  void finish(CloseReason reason) {
    if (!open_ || std::exchange(closing_, true)) return;
    goodbye_ = std::move(reason);
    if (queue_.empty()) say_goodbye();
  }

  awaitable<void> close(Clock::duration patience, CloseReason reason) {
    auto const self = shared_from_this();
    finish(std::move(reason));
    auto const deadline = Clock::now() + patience;
    while (open_ && Clock::now() < deadline) {
      bool const told = co_await drained_.wait(deadline);
      if (!told) break;
    }
    cut("we have ended it");
  }

  void cut(std::string reason) {
    if (!open_) return;
    open_ = false;
    why_ = std::move(reason);
    ws.next_layer().shut_down();
    drained_.notify_all();
  }

  bool is_open() const { return open_; }
  std::size_t unsent() const { return unsent_; }
  std::string const& why() const { return why_; }

  websocket::stream<Stream> ws;

 private:
  void write() {
    ws.async_write(net::buffer(queue_.front()), [self = shared_from_this()](error_code ec, std::size_t) {
      if (ec) return self->cut(ec.message());
      self->unsent_ -= self->queue_.front().size();
      self->queue_.pop_front();
      if (!self->open_) return;
      if (!self->queue_.empty()) return self->write();
      self->drained_.notify_all();
      if (self->closing_) self->say_goodbye();
    });
  }
  void say_goodbye() {
    websocket::close_reason reason(static_cast<std::uint16_t>(goodbye_.code));
    reason.reason = goodbye_.text.substr(0, reason.reason.max_size());
    ws.async_close(reason, [self = shared_from_this()](error_code) { self->cut("we have closed it"); });
  }

  /// Frames that say nothing, which read() does not return for: a bucket that fills at a rate.
  bool is_flood() {
    auto const now = Clock::now();
    std::chrono::duration<double> const passed = now - counted_;
    counted_ = now;
    allowance_ = std::min(kPingsAtOnce, allowance_ + passed.count() * kPingsPerSecond) - 1;
    return allowance_ < 0;
  }

  Error failure(error_code ec) {
    if (ec == websocket::error::closed) return end("connection_closed", "it was closed by the other side");
    if (ec == websocket::error::message_too_big)
      return end("frame_too_large", "it sent a frame of more than " + std::to_string(limits_.frame_bytes) + " bytes");
    return end("connection_lost", ec.message());
  }
  Error end(char const* code, std::string reason) {
    cut(std::move(reason));  // keeps an earlier reason
    return unavailable(code, "the connection is over: " + why_);
  }

  WebSocketLimits const limits_;
  bool open_ = true, closing_ = false, pinging_ = false;
  CloseReason goodbye_{};
  std::string why_{};
  std::deque<std::string> queue_;  ///< the front is being written
  std::size_t unsent_ = 0;
  beast::flat_buffer buffer_;
  std::size_t received_ = 0;  ///< bytes since the last message or ping
  Clock::time_point counted_ = Clock::now();
  double allowance_ = kPingsAtOnce;
  Notifier drained_;  ///< told when the queue is empty, and at the end
};

class Socketed final : public WebSocket {
 public:
  explicit Socketed(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~Socketed() override { core_->cut("we have ended it"); }
  awaitable<Result<std::string>> read() override { return core_->read(); }
  bool send(std::string text) override { return core_->send(std::move(text)); }
  awaitable<bool> flush(Clock::time_point deadline) override { return core_->flush(deadline); }
  void ping() override { core_->ping(); }
  void finish(CloseReason reason) override { core_->finish(std::move(reason)); }
  awaitable<void> close(Clock::duration patience, CloseReason reason) override {
    return core_->close(patience, std::move(reason));
  }
  void cut(std::string reason) override { core_->cut(std::move(reason)); }
  bool is_open() const override { return core_->is_open(); }
  std::size_t unsent() const override { return core_->unsent(); }
  std::string const& why() const override { return core_->why(); }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace

std::string websocket_handshake(Request const& request) {
  std::string text = "GET / HTTP/1.1\r\n";
  for (char const* name : {"host", "connection", "upgrade", "sec-websocket-key", "sec-websocket-version"})
    if (auto const value = request.header(name)) text += std::string(name) + ": " + std::string(*value) + "\r\n";
  return text + "\r\n";
}

awaitable<Result<std::unique_ptr<WebSocket>>> accept_websocket(Stream stream, std::string head,
                                                               WebSocketLimits limits) {
  auto const core = std::make_shared<Core>(std::move(stream), limits);
  auto const bytes = net::buffer(head);
  auto const [ec] = co_await core->ws.async_accept(bytes, nothrow);
  if (ec) co_return Error{ErrorKind::invalid, "malformed_request", "this is no WebSocket handshake: " + ec.message()};
  std::unique_ptr<WebSocket> accepted = std::make_unique<Socketed>(core);
  co_return accepted;
}

awaitable<Result<std::unique_ptr<WebSocket>>> open_websocket(Stream stream, std::string host, std::string target,
                                                             std::vector<Header> headers, WebSocketLimits limits) {
  auto const core = std::make_shared<Core>(std::move(stream), limits);
  auto const decorate = [headers = std::move(headers)](websocket::request_type& request) {
    for (auto const& header : headers) request.set(header.name, header.value);
  };
  core->ws.set_option(websocket::stream_base::decorator(decorate));
  websocket::response_type response;
  auto const [ec] = co_await core->ws.async_handshake(response, host, target, nothrow);
  if (ec == websocket::error::upgrade_declined)
    co_return refusal_of(static_cast<int>(response.result_int()), response.body());
  if (ec) co_return unavailable("connection_lost", "no WebSocket handshake with " + host + ": " + ec.message());
  std::unique_ptr<WebSocket> opened = std::make_unique<Socketed>(core);
  co_return opened;
}

}  // namespace ar::http
