#include "adapters/codex/connection.hpp"

#include "base/http/http_client.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace ar::adapters::codex {
namespace {

constexpr int kMethodNotFound = -32601;  // JSON-RPC
/// The server sends whole histories and tool outputs in one frame; what is larger than this is a fault.
constexpr std::size_t kLargestFrame = 256U << 20;
constexpr auto kHandshakePatience = std::chrono::seconds(10);

Error lost(std::string const& why) {
  return unavailable("connection_lost", "the connection to Codex's app server is gone: " + why);
}

class WebSocketConnection final : public Connection, public std::enable_shared_from_this<WebSocketConnection> {
 public:
  WebSocketConnection(Executor executor, std::unique_ptr<http::WebSocket> socket, OnFrame on_frame)
      : socket_(std::move(socket)),
        on_frame_(std::move(on_frame)),
        changed_(executor),
        tasks_(executor, "codex connection") {
    tasks_.spawn_vital("read", read(), [this](std::string const& why) { close("it cannot be read: " + why); });
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
      if (auto const error = frame.find("error"); error != frame.end()) {
        auto message = text_at(*error, "message");
        co_return conflict("codex_error", message.empty() ? to_text(*error) : std::move(message));
      }
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
    if (!socket_->send(to_text(frame))) close(socket_->why());
  }

  void close(std::string why) {
    if (!open_) return;
    open_ = false;
    why_closed_ = std::move(why);
    socket_->cut(why_closed_);
    changed_.notify_all();
  }

  awaitable<void> read() {
    while (open_) {
      auto const text = co_await socket_->read();
      if (!text) {
        close(socket_->why());
        co_return;
      }
      auto const frame = parse_object(*text);
      // It might have been an answer or a proof: start again and look, rather than go on without it.
      if (!frame) {
        close("it sent " + std::to_string(text->size()) + " bytes that are not a JSON object");
        co_return;
      }
      try {
        take(*frame);
      } catch (json::exception const& fault) {  // of another shape than we know: rather start again than be deaf
        close(std::string("it sent what cannot be read (") + fault.what() + ")");
      }
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

  std::unique_ptr<http::WebSocket> socket_;
  OnFrame const on_frame_;
  bool open_ = true;
  std::string why_closed_{};
  std::int64_t last_id_ = 0;
  std::map<std::int64_t, std::shared_ptr<std::optional<json>>> waiting_;
  Notifier changed_;  ///< an answer came, or the connection is no more
  TaskGroup tasks_;
};

}  // namespace

awaitable<Result<std::shared_ptr<Connection>>> Connection::open(Executor executor, std::filesystem::path socket,
                                                                OnFrame on_frame) {
  http::WebSocketLimits const limits{kLargestFrame, kLargestFrame};
  auto opened = co_await http::open_websocket(std::move(socket), "/", limits, kHandshakePatience);
  if (!opened && opened.error().code == "server_unreachable")
    co_return unavailable("no_server", opened.error().message);
  bool const plain = !opened && (opened.error().kind == ErrorKind::invalid || opened.error().code == "foreign_server");
  if (plain) co_return opened.error();
  if (!opened)
    co_return unavailable("not_codex", "no WebSocket handshake with Codex's app server: " + opened.error().message);
  std::shared_ptr<Connection> connection =
      std::make_shared<WebSocketConnection>(executor, std::move(*opened), std::move(on_frame));
  co_return connection;
}

}  // namespace ar::adapters::codex
