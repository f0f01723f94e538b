#include "adapters/acp/connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

namespace ar::adapters::acp {
namespace {

using Local = net::local::stream_protocol;
/// The host lets no frame through that is larger; a line of the record is a little more than its frame.
constexpr std::size_t kLargestLine = 20U << 20;
/// What waits to be sent: a host that reads nothing is not to fill the memory.
constexpr std::size_t kMostWaiting = 64U << 20;

class HostConnection final : public Connection, public std::enable_shared_from_this<HostConnection> {
 public:
  HostConnection(Executor const& executor, Local::socket socket, OnLine on_line)
      : socket_(std::move(socket)),
        on_line_(std::move(on_line)),
        changed_(executor),
        tasks_(executor, "acp connection") {
    auto const died = [this](std::string const& why) { close(why); };
    tasks_.spawn_vital("read", read(), died);
    tasks_.spawn_vital("write", write(), died);
  }

  void send(json const& frame) override {
    if (!open_) return;
    auto text = to_text(frame) + "\n";
    waiting_bytes_ += text.size();
    if (waiting_bytes_ > kMostWaiting) return close("the host does not read what it is sent");
    waiting_.push_back(std::move(text));
    changed_.notify_all();
  }

  awaitable<bool> caught_up() override {
    auto const self = shared_from_this();
    while (open_ && !is_live()) co_await changed_.wait();
    co_return open_;
  }

  awaitable<void> closed() override {
    auto const self = shared_from_this();
    while (open_) co_await changed_.wait();
  }
  bool is_open() const override { return open_; }
  std::string const& why_closed() const override { return why_closed_; }
  std::string const& file() const override { return file_; }

  awaitable<void> stop() override {
    auto const self = shared_from_this();
    close("we have ended it");
    co_await tasks_.stop();
  }

 private:
  bool is_live() const { return has_head_ && backlog_ == 0; }

  void close(std::string why) {
    if (!open_) return;
    open_ = false;
    why_closed_ = std::move(why);
    error_code ignored;
    socket_.close(ignored);
    changed_.notify_all();
  }

  awaitable<void> write() {
    while (open_) {
      if (waiting_.empty()) {
        co_await changed_.wait();
        continue;
      }
      auto const text = std::move(waiting_.front());
      waiting_.pop_front();
      waiting_bytes_ -= text.size();
      auto const bytes = net::buffer(text);
      auto const [ec, size] = co_await net::async_write(socket_, bytes, nothrow);
      if (ec) close(ec.message());
    }
  }

  awaitable<void> read() {
    std::vector<char> buffer(64U << 10);
    while (open_) {
      auto const bytes = net::buffer(buffer);
      auto const [ec, size] = co_await socket_.async_read_some(bytes, nothrow);
      if (ec) {
        close(ec.message());
        co_return;
      }
      rest_.append(buffer.data(), size);
      std::size_t at = 0;
      for (auto end = rest_.find('\n', searched_); end != std::string::npos; end = rest_.find('\n', at)) {
        auto const line = rest_.substr(at, end - at);
        at = end + 1;
        take(line);
        if (!open_) co_return;
      }
      rest_.erase(0, at);
      searched_ = rest_.size();
      if (rest_.size() > kLargestLine) close("a line of the record is too long");
    }
  }

  void take(std::string const& line) {
    if (!std::exchange(has_head_, true)) {
      auto const head = parse_object(line);
      if (!head || text_at(*head, "file").empty()) return close("it is no host of an agent");
      file_ = text_at(*head, "file");
      auto const backlog = head->find("backlog");
      backlog_ = backlog != head->end() && backlog->is_number_unsigned() ? backlog->get<std::uint64_t>() : 0;
    } else {
      on_line_(line, backlog_ == 0);
      backlog_ -= std::min<std::uint64_t>(backlog_, line.size() + 1);
    }
    if (is_live()) changed_.notify_all();
  }

  Local::socket socket_;
  OnLine const on_line_;
  bool open_ = true, has_head_ = false;
  std::string why_closed_{}, file_{}, rest_{};
  std::size_t searched_ = 0;
  std::uint64_t backlog_ = 0;
  std::deque<std::string> waiting_{};
  std::size_t waiting_bytes_ = 0;
  Notifier changed_;
  TaskGroup tasks_;
};

}  // namespace

awaitable<Result<std::shared_ptr<Connection>>> Connection::open(Executor executor, std::filesystem::path socket,
                                                                OnLine on_line) {
  Local::socket connected(executor);
  Local::endpoint const place(socket.string());
  auto const [ec] = co_await connected.async_connect(place, nothrow);
  if (ec) co_return unavailable("no_host", "nobody listens at " + socket.string() + ": " + ec.message());
  std::shared_ptr<Connection> connection =
      std::make_shared<HostConnection>(executor, std::move(connected), std::move(on_line));
  co_return connection;
}

}  // namespace ar::adapters::acp
