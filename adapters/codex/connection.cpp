// The only file of the adapters that knows Beast.
#include "adapters/codex/connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>

namespace ar::adapters::codex {
namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using Socket = net::local::stream_protocol::socket;

constexpr int kMethodNotFound = -32601;  // JSON-RPC
/// The server sends whole histories and tool outputs in one frame; what is larger than this is a fault.
constexpr std::size_t kLargestFrame = 256U << 20;
constexpr auto kHandshakePatience = std::chrono::seconds(10);

Error lost(std::string const& why) {
  return unavailable("connection_lost", "the connection to Codex's app server is gone: " + why);
}

class WebSocketConnection final : public Connection, public std::enable_shared_from_this<WebSocketConnection> {
 public:
  WebSocketConnection(Executor executor, Socket socket, OnFrame on_frame)
      : stream_(std::move(socket)),
        on_frame_(std::move(on_frame)),
        changed_(executor),
        outgoing_(executor),
        tasks_(executor, "codex connection") {}

  awaitable<Result<void>> handshake() {
    websocket::stream_base::timeout patience{};
    patience.handshake_timeout = kHandshakePatience;
    patience.idle_timeout = websocket::stream_base::none();
    patience.keep_alive_pings = false;
    stream_.set_option(patience);
    stream_.read_message_max(kLargestFrame);
    auto [ec] = co_await stream_.async_handshake("localhost", "/", nothrow);
    if (ec) co_return unavailable("not_codex", "no WebSocket handshake with Codex's app server: " + ec.message());
    tasks_.spawn("read", read());
    tasks_.spawn("write", write());
    co_return Result<void>();
  }

  awaitable<Result<json>> call(std::string method, json params, Clock::duration limit) override {
    auto const self = shared_from_this();  // whoever holds it may let go while this waits
    if (!open_) co_return lost(why_closed_);
    auto const id = ++last_id_;
    auto const answer = std::make_shared<std::optional<json>>();
    waiting_[id] = answer;
    struct Forget {
      WebSocketConnection& connection;
      std::int64_t id;
      ~Forget() { connection.waiting_.erase(id); }
    } forget{*this, id};
    send({{"id", id}, {"method", method}, {"params", std::move(params)}});
    auto const deadline = Clock::now() + limit;
    while (!*answer && open_ && Clock::now() < deadline) co_await changed_.wait(deadline);
    if (*answer) {
      auto& frame = **answer;
      if (auto const error = frame.find("error"); error != frame.end())
        co_return conflict("codex_error",
                           error->is_object() ? error->value("message", to_text(*error)) : to_text(*error));
      co_return ok(frame.contains("result") ? std::move(frame["result"]) : json());
    }
    if (!open_) co_return lost(why_closed_);
    co_return timed_out("Codex's app server did not answer " + method + " in time");
  }

  void respond(json const& id, json result) override {
    if (open_) send({{"id", id}, {"result", std::move(result)}});
  }

  void refuse(json const& id, std::string why) override {
    if (open_) send({{"id", id}, {"error", {{"code", kMethodNotFound}, {"message", std::move(why)}}}});
  }

  void notify(std::string method, json params) override {
    if (open_) send({{"method", std::move(method)}, {"params", std::move(params)}});
  }

  awaitable<void> closed() override {
    auto const self = shared_from_this();
    while (open_) co_await changed_.wait();
  }
  bool is_open() const override { return open_; }
  std::string const& why_closed() const override { return why_closed_; }

  awaitable<void> stop() override {
    auto const self = shared_from_this();
    close("we have ended it");
    co_await tasks_.stop();
  }

 private:
  void send(json const& frame) {
    queue_.push_back(to_text(frame));
    outgoing_.notify_all();
  }

  void close(std::string why) {
    if (!open_) return;
    open_ = false;
    why_closed_ = std::move(why);
    error_code ignored;
    stream_.next_layer().close(ignored);
    changed_.notify_all();
    outgoing_.notify_all();
  }

  awaitable<void> read() {
    beast::flat_buffer buffer;
    while (open_) {
      auto [ec, size] = co_await stream_.async_read(buffer, nothrow);
      if (ec) {
        close(ec == websocket::error::closed ? "it was closed"
              : ec == websocket::error::message_too_big
                  ? "it sent a message of more than " + std::to_string(kLargestFrame >> 20) + " MiB"
                  : ec.message());
        co_return;
      }
      std::string_view const text(static_cast<char const*>(buffer.data().data()), size);
      auto const frame = json::parse(text, nullptr, false);
      buffer.consume(size);
      if (buffer.capacity() > (4U << 20)) buffer = beast::flat_buffer();
      // It might have been an answer or a proof: start again and look, rather than go on without it.
      if (!frame.is_object()) {
        close("it sent " + std::to_string(size) + " bytes that are not a JSON object");
        co_return;
      }
      take(frame);
    }
  }

  void take(json const& frame) {
    auto const method = frame.find("method");
    if (method != frame.end()) {
      if (method->is_string()) on_frame_(frame);
      return;
    }
    auto const id = frame.find("id");
    if (id == frame.end() || !id->is_number_integer()) return;
    auto const found = waiting_.find(id->get<std::int64_t>());
    if (found == waiting_.end()) return;  // too late: whoever asked has given up
    *found->second = frame;
    changed_.notify_all();
  }

  awaitable<void> write() {
    while (open_) {
      if (queue_.empty()) {
        co_await outgoing_.wait();
        continue;
      }
      auto const text = std::move(queue_.front());
      queue_.pop_front();
      auto const bytes = net::buffer(text);
      auto [ec, size] = co_await stream_.async_write(bytes, nothrow);
      if (ec) close(ec.message());
    }
  }

  websocket::stream<Socket> stream_;
  OnFrame const on_frame_;
  bool open_ = true;
  std::string why_closed_{};
  std::int64_t last_id_ = 0;
  std::map<std::int64_t, std::shared_ptr<std::optional<json>>> waiting_;
  std::deque<std::string> queue_;
  Notifier changed_;   ///< an answer came, or the connection is no more
  Notifier outgoing_;  ///< there is something to write
  TaskGroup tasks_;
};

}  // namespace

awaitable<Result<std::shared_ptr<Connection>>> Connection::open(Executor executor, std::filesystem::path socket,
                                                                OnFrame on_frame) {
  auto const path = socket.string();
  if (path.size() >= 108) co_return invalid("socket", "the path " + path + " is too long for a unix socket");
  Socket client(executor);
  net::local::stream_protocol::endpoint const endpoint(path);
  auto [ec] = co_await client.async_connect(endpoint, nothrow);
  if (ec) co_return unavailable("no_server", "nobody listens at " + path + ": " + ec.message());
  auto connection = std::make_shared<WebSocketConnection>(executor, std::move(client), std::move(on_frame));
  auto shaken = co_await connection->handshake();
  if (!shaken) co_return shaken.error();
  co_return std::shared_ptr<Connection>(std::move(connection));
}

}  // namespace ar::adapters::codex
