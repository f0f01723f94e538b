// What one small request costs: GET /v1/agents/{id} with a daemon that does nothing, over the unix socket and
// TCP, kept alive, one outstanding request per connection. Beside it, in the same run, three floors that answer the
// same number of bytes over the same kind of socket: a bare epoll loop, a coroutine of Asio for each connection, which
// is what Asio costs without HTTP, and the same with Beast reading each request and writing a ready answer, which is
// what HTTP costs without routes, rights, deadlines and JSON.
#include "bench/trivial_api.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sstream>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace {

using Steady = std::chrono::steady_clock;
constexpr auto measured = std::chrono::seconds(2);
constexpr auto warm_up = std::chrono::milliseconds(300);

[[noreturn]] void fail(std::string const& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};
Address unix_address(std::string const& path) {
  Address address;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strncpy(name.sun_path, path.c_str(), sizeof name.sun_path - 1);
  std::memcpy(&address.storage, &name, sizeof name);
  address.size = sizeof name;
  return address;
}
Address tcp_address(std::uint16_t port) {
  Address address;
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  name.sin_port = htons(port);
  std::memcpy(&address.storage, &name, sizeof name);
  address.size = sizeof name;
  return address;
}
void no_delay(int fd) {
  int const on = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
                     sizeof on);  // fails on unix sockets, which have no delay
}
int connect_to(Address const& address) {
  int const fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, reinterpret_cast<sockaddr const*>(&address.storage), address.size) != 0) fail("connect");
  no_delay(fd);
  return fd;
}
void send_all(int fd, std::string const& bytes) {
  if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) fail("send");
}

/// Sends an answer of fixed size for every `request_size` bytes.
class Echo {
 public:
  Echo(Address address, std::size_t request_size, std::size_t answer_size)
      : listener_(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        request_size_(request_size),
        answer_(answer_size, 'x') {
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address.storage), address.size) != 0 ||
        ::listen(listener_, 256) != 0)
      fail("listen");
    address_.size = sizeof address_.storage;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address_.storage), &address_.size);
    thread_ = std::thread([this] { run(); });
  }
  ~Echo() {
    stop_ = true;
    ::close(connect_to(address_));  // wakes it
    thread_.join();
    ::close(listener_);
  }
  Address const& address() const { return address_; }

 private:
  void run() {
    int const poller = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{EPOLLIN, {.fd = listener_}};
    ::epoll_ctl(poller, EPOLL_CTL_ADD, listener_, &event);
    std::vector<std::size_t> pending(4096);
    std::vector<char> bytes(65536);
    while (!stop_) {
      epoll_event ready[64];
      int const count = ::epoll_wait(poller, ready, 64, -1);
      for (int i = 0; i < count; ++i) {
        int const fd = ready[i].data.fd;
        if (fd == listener_) {
          int const client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
          no_delay(client);
          epoll_event added{EPOLLIN, {.fd = client}};
          ::epoll_ctl(poller, EPOLL_CTL_ADD, client, &added);
          continue;
        }
        auto const n = ::recv(fd, bytes.data(), bytes.size(), 0);
        if (n <= 0) {
          pending[static_cast<std::size_t>(fd)] = 0;
          ::close(fd);
          continue;
        }
        auto& got = pending[static_cast<std::size_t>(fd)];
        got += static_cast<std::size_t>(n);
        for (; got >= request_size_; got -= request_size_)
          (void)!::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL);  // the client may have left
      }
    }
    ::close(poller);
  }
  int listener_;
  std::size_t request_size_;
  std::string answer_;
  Address address_{};
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

/// An io_context on a thread of its own, with a coroutine for each connection.
class Coroutines {
 public:
  Address const& address() const { return address_; }

 protected:
  using Protocol = ar::net::generic::stream_protocol;
  using Socket = ar::net::basic_stream_socket<Protocol, ar::Executor>;

  explicit Coroutines(Address const& address) : address_(address) {}
  ~Coroutines() = default;
  template <class Serve>
  void start(Serve serve) {
    int const fd = ::socket(address_.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(fd, reinterpret_cast<sockaddr const*>(&address_.storage), address_.size) != 0 || ::listen(fd, 256) != 0)
      fail("listen");
    Protocol const protocol(address_.storage.ss_family, 0);
    address_.size = sizeof address_.storage;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address_.storage), &address_.size);
    Acceptor acceptor(io_.get_executor(), protocol, fd);
    ar::net::co_spawn(io_, accept(std::move(acceptor), serve), ar::net::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  void stop() {
    io_.stop();
    thread_.join();
  }

 private:
  using Acceptor = ar::net::basic_socket_acceptor<Protocol, ar::Executor>;
  template <class Serve>
  ar::awaitable<void> accept(Acceptor acceptor, Serve serve) {
    for (;;) {
      auto client = co_await acceptor.async_accept(ar::net::use_awaitable);
      no_delay(client.native_handle());
      ar::net::co_spawn(io_, serve(std::move(client)), ar::net::detached);
    }
  }
  ar::net::io_context io_{1};
  Address address_;
  std::thread thread_;
};

/// Echo, as coroutines of Asio.
class AsioEcho : public Coroutines {
 public:
  AsioEcho(Address const& address, std::size_t request_size, std::size_t answer_size)
      : Coroutines(address), request_size_(request_size), answer_(answer_size, 'x') {
    start([this](Socket client) { return serve(std::move(client)); });
  }
  ~AsioEcho() { stop(); }

 private:
  ar::awaitable<void> serve(Socket client) {
    std::vector<char> bytes(65536);
    for (std::size_t got = 0;;) {
      auto const [ec, n] = co_await client.async_read_some(ar::net::buffer(bytes), ar::nothrow);
      if (ec) co_return;
      for (got += n; got >= request_size_; got -= request_size_) {
        auto const [failed, sent] = co_await ar::net::async_write(client, ar::net::buffer(answer_), ar::nothrow);
        if (failed) co_return;
      }
    }
  }
  std::size_t const request_size_;
  std::string const answer_;
};

/// HTTP by Beast alone: each request is read as one, and answered with as many bytes as the others answer.
class BeastServer : public Coroutines {
 public:
  BeastServer(Address const& address, std::size_t answer_size) : Coroutines(address), answer_size_(answer_size) {
    start([this](Socket client) { return serve(std::move(client)); });
  }
  ~BeastServer() { stop(); }

 private:
  ar::awaitable<void> serve(Socket client) {
    namespace http = boost::beast::http;
    http::response<http::string_body> answer(http::status::ok, 11);
    answer.set(http::field::content_type, "application/json");
    answer.set(http::field::cache_control, "no-store");
    answer.content_length(answer_size_);
    std::ostringstream head;
    head << answer.base();
    answer.body() = std::string(answer_size_ - head.str().size(), 'x');
    answer.prepare_payload();
    boost::beast::flat_buffer buffer;
    for (;;) {
      http::request<http::string_body> request;
      auto const [ec, read] = co_await http::async_read(client, buffer, request, ar::nothrow);
      if (ec) co_return;
      auto const [failed, written] = co_await http::async_write(client, answer, ar::nothrow);
      if (failed) co_return;
    }
  }
  std::size_t const answer_size_;
};

struct Measured {
  double per_second = 0, p50 = 0, p99 = 0;  ///< microseconds
};

/// `count` connections, each with one request outstanding, driven by this thread.
Measured drive(Address const& address, std::string const& request, std::size_t answer_size, std::size_t count) {
  struct Client {
    int fd;
    std::size_t got = 0;
    Steady::time_point sent;
  };
  std::vector<Client> clients;
  int const poller = ::epoll_create1(EPOLL_CLOEXEC);
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back({connect_to(address), 0, {}});
    epoll_event event{EPOLLIN, {.u64 = i}};
    ::epoll_ctl(poller, EPOLL_CTL_ADD, clients[i].fd, &event);
  }
  std::vector<float> times;
  times.reserve(1U << 20);
  auto const start = Steady::now() + warm_up;
  auto const end = start + measured;
  for (auto& client : clients) {
    client.sent = Steady::now();
    send_all(client.fd, request);
  }
  std::vector<char> bytes(65536);
  auto now = Steady::now();
  while (now < end) {
    epoll_event ready[64];
    int const events = ::epoll_wait(poller, ready, 64, 1000);
    for (int i = 0; i < events; ++i) {
      auto& client = clients[ready[i].data.u64];
      auto const n = ::recv(client.fd, bytes.data(), bytes.size(), 0);
      if (n <= 0) fail("the server has left");
      client.got += static_cast<std::size_t>(n);
      if (client.got < answer_size) continue;
      if (client.got > answer_size) throw std::runtime_error("the answer is longer than the first one was");
      client.got = 0;
      now = Steady::now();
      if (client.sent >= start) times.push_back(std::chrono::duration<float, std::micro>(now - client.sent).count());
      client.sent = now;
      send_all(client.fd, request);
    }
    if (events <= 0) now = Steady::now();
  }
  for (auto const& client : clients) ::close(client.fd);
  ::close(poller);
  Measured result;
  result.per_second = static_cast<double>(times.size()) / std::chrono::duration<double>(measured).count();
  std::ranges::sort(times);
  if (times.empty()) return result;
  result.p50 = static_cast<double>(times[times.size() / 2]);
  result.p99 = static_cast<double>(times[times.size() * 99 / 100]);
  return result;
}

std::size_t size_of_answer(Address const& address, std::string const& request) {
  int const fd = connect_to(address);
  send_all(fd, request);
  char bytes[65536];
  auto const n = ::recv(fd, bytes, sizeof bytes, 0);
  ::close(fd);
  if (n <= 0 || std::strncmp(bytes, "HTTP/1.1 200", 12) != 0) throw std::runtime_error("no good answer");
  return static_cast<std::size_t>(n);
}

}  // namespace

int main() try {
  ar::bench::BenchServer server;
  std::string const request =
      "GET /v1/agents/builder HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\nAccept: application/json\r\n\r\n";
  std::printf("%-5s %5s | %12s %8s %8s | %12s %8s %8s | %12s %8s %8s | %12s %8s %8s\n", "", "", "control req/s",
              "p50 us", "p99 us", "echo req/s", "p50 us", "p99 us", "asio req/s", "p50 us", "p99 us", "beast req/s",
              "p50 us", "p99 us");
  for (bool const tcp : {false, true}) {
    Address const address = tcp ? tcp_address(server.port()) : unix_address(server.socket());
    std::size_t const answer_size = size_of_answer(address, request);
    Echo const echo(tcp ? tcp_address(0) : unix_address(server.dir() / "echo.sock"), request.size(), answer_size);
    AsioEcho const asio(tcp ? tcp_address(0) : unix_address(server.dir() / "asio.sock"), request.size(), answer_size);
    BeastServer const beast(tcp ? tcp_address(0) : unix_address(server.dir() / "beast.sock"), answer_size);
    for (std::size_t const count : {1U, 8U, 32U}) {
      Measured const control = drive(address, request, answer_size, count);
      Measured const floor = drive(echo.address(), request, answer_size, count);
      Measured const coroutines = drive(asio.address(), request, answer_size, count);
      Measured const http = drive(beast.address(), request, size_of_answer(beast.address(), request), count);
      std::printf("%-5s %5zu | %12.0f  %8.1f %8.1f | %12.0f %8.1f %8.1f | %12.0f %8.1f %8.1f | %12.0f %8.1f %8.1f\n",
                  tcp ? "tcp" : "unix", count, control.per_second, control.p50, control.p99, floor.per_second,
                  floor.p50, floor.p99, coroutines.per_second, coroutines.p50, coroutines.p99, http.per_second,
                  http.p50, http.p99);
    }
  }
  std::printf("request %zu bytes; goals: 1 connection p50 <= 60 us, 30 000 req/s\n", request.size());
  return 0;
} catch (std::exception const& e) {
  std::fprintf(stderr, "control_bench: %s\n", e.what());
  return 1;
}
