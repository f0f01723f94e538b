// Of Beast only the request parser is used here: reading and writing are a few lines, and doing them here keeps every
// step under one deadline and this file quick to compile.
#include "base/http/connection.hpp"

#include "base/http/accept_websocket.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <cerrno>
#include <charconv>
#include <limits>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace ar::http {
namespace {

namespace beast = boost::beast;
using Parser = beast::http::request_parser<beast::http::string_body>;
using ParseError = beast::http::error;

constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::size_t read_bytes = 16U << 10;
constexpr std::size_t body_read_bytes = 256U << 10;
/// What may stand unparsed: a header, or a chunk's head and trailer.
constexpr std::size_t most_unparsed = 64U << 10;
/// After a refusal the rest of the request is read and dropped for so long, or the client's kernel would drop
/// our answer together with the connection.
constexpr std::size_t most_dropped = 64U << 20;
constexpr auto drop_time = std::chrono::seconds(2);
/// When the server stops, a WebSocket's client has so long to close it too.
constexpr auto goodbye_time = std::chrono::seconds(1);
/// Of a client that has said all it has to say, or has sent its next request already, and waits for its answer.
constexpr auto look_for_end = std::chrono::milliseconds(500);

Error bad_request(std::string message) {
  return {ErrorKind::invalid, "malformed_request", std::move(message) + "; send plain HTTP/1.1"};
}

Request to_request(Parser const& parser, Entrance entrance) {
  auto const& message = parser.get();
  Request request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.over_unix = entrance.over_unix;
  request.token_needed = entrance.token_needed;
  request.headers.reserve(8);
  for (auto const& field : message)
    request.headers.push_back({lower_case(field.name_string()), std::string(field.value())});
  return request;
}

class HttpConnection final : public Connection, public Peer, public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(Stream stream, Entrance entrance, RequestHandler& service, Limits const& limits, Seats& seats,
                 std::string address)
      : service_(service),
        limits_(limits),
        entrance_(entrance),
        stream_(std::move(stream)),
        socket_(stream_.socket()),
        timer_(stream_.get_executor()),
        finishing_(stream_.get_executor()),
        seat_(
            seats, std::move(address), [this] { finish(); },
            [this] {
              finish();
              stream_.shut_down();
            }) {}

  awaitable<void> serve() override {
    auto const self = shared_from_this();
    try {
      bool more = co_await greet();
      for (; more; first_ = false) more = co_await exchange();
    } catch (...) {
      disarm();
      throw;
    }
    disarm();
    error_code ignored;
    socket_.close(ignored);
  }

  void finish() override {
    finished_ = true;
    if (websocket_) {
      websocket_->finish({CloseCode::going_away, "the server stops; connect again"});
      arm(goodbye_time, Socket::shutdown_both);
    } else {
      error_code ignored;
      socket_.shutdown(Socket::shutdown_receive, ignored);  // whoever reads or watches the client sees its end
    }
    finishing_.notify_all();
  }

  awaitable<bool> write(std::string_view bytes) override {
    std::array<char, 20> size{};
    char* const end = std::to_chars(size.data(), size.data() + 16, bytes.size(), 16).ptr;
    end[0] = '\r';
    end[1] = '\n';
    std::array<net::const_buffer, 3> const parts{
        net::const_buffer(size.data(), static_cast<std::size_t>(end - size.data()) + 2),
        net::const_buffer(bytes.data(), bytes.size()), net::const_buffer("\r\n", 2)};
    if (bytes.empty()) co_return !finished_;  // an empty chunk would end the stream
    arm(limits_.stream_write_time, Socket::shutdown_both);
    auto const [ec, n] = co_await net::async_write(stream_, parts, nothrow);
    disarm();
    co_return !ec && !finished_;
  }

  awaitable<void> gone() override {
    while (!finished_) {
      auto const [ec] = co_await socket_.async_wait(Socket::wait_read, nothrow);
      if (ec) co_return;
      std::array<char, 512> bytes{};
      // A stream's client has nothing more to say; another may have sent its next request, which must stay.
      // Under TLS nothing may be taken away from it.
      bool const drop = streaming_ && !stream_.secure();
      auto const got = ::recv(socket_.native_handle(), bytes.data(), bytes.size(), drop ? 0 : MSG_PEEK);
      if (got < 0 && errno != EAGAIN && errno != EINTR) co_return;
      if (got == 0 || (got > 0 && !drop)) co_return co_await hung_up();
    }
  }

  void cut_off() override { stream_.shut_down(); }

  bool stopping() const override { return finished_; }

 private:
  enum class Fill { bytes, ended, expired };

  /// The end of both directions: a client that only sends no more still takes its answer, and neither that nor what may
  /// not be read yet can be told from a hang-up by reading.
  awaitable<void> hung_up() {
    pollfd end{socket_.native_handle(), POLLRDHUP, 0};  // POLLHUP and POLLERR are always told
    while (!finished_) {
      if (::poll(&end, 1, 0) > 0) {
        if ((end.revents & (POLLHUP | POLLERR)) != 0) co_return;
        end.events = 0;
        if (!entrance_.over_unix) probe_client();
      }
      (void)co_await finishing_.wait(Clock::now() + look_for_end);
    }
  }
  /// TCP does not tell a client that sends no more from one that is gone. The latter's kernel refuses what it is sent:
  /// an interim answer, which others ignore. Without one, or if the client goes later, its kernel knows of the
  /// connection for a minute, and then no longer answers for it.
  void probe_client() {
    int const on = 1, seconds = 1, times = 3, fd = socket_.native_handle();
    ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
    int unsent = 0;
    bool const empty = ::ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent == 0;  // so that it is sent as a whole
    if (streaming_ || stream_.secure() || old_client_ || !empty) return;
    (void)!::send(fd, kGoOn.data(), kGoOn.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /// TLS, where it is spoken.
  awaitable<bool> greet() {
    if (!stream_.secure()) co_return true;
    arm(limits_.request_time, Socket::shutdown_both);
    auto const ec = co_await stream_.handshake_as_server();
    disarm();
    co_return !ec && !expired_;
  }

  /// One request and its answer. False: the connection is over.
  awaitable<bool> exchange() {
    Parser parser;
    parser.header_limit(limits_.header_bytes);
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // the route decides, once it is known
    arm(first_ || buffer_.size() > 0 ? limits_.request_time : limits_.keep_alive_time, Socket::shutdown_receive);
    bool started = buffer_.size() > 0;
    bool need_more = !started;
    std::size_t header_bytes = 0;  // the parser's own limit counts only what it has not yet understood
    while (!parser.is_header_done()) {
      if (need_more) {
        auto const filled = co_await fill(read_bytes);
        if (filled == Fill::ended || (filled == Fill::expired && !started)) co_return false;
        if (filled == Fill::expired) co_return co_await refuse_late();
        if (!started) arm(limits_.request_time, Socket::shutdown_receive);
        started = true;
      }
      auto const before = buffer_.size();
      auto refusal = parse(parser, need_more);
      header_bytes += before - buffer_.size();
      if (!refusal && header_bytes > limits_.header_bytes) refusal = problem(header_too_large(), 431);
      if (refusal) co_return co_await refuse(*refusal);
    }
    if (parser.get().version() != 10 && parser.get().version() != 11) {
      Response const refusal = problem(bad_request("only HTTP/1.0 and HTTP/1.1 are spoken here"), 505);
      co_return co_await refuse(refusal);
    }

    old_client_ = parser.get().version() == 10;
    Request request = to_request(parser, entrance_);
    if (auto const coding = request.header("transfer-encoding");
        coding && (lower_case(*coding) != "chunked" || request.count("transfer-encoding") > 1)) {
      Response const refusal = problem(bad_request("the only Transfer-Encoding understood here is chunked"));
      co_return co_await refuse(refusal);
    }
    auto decision = service_.admit(request);
    bool const keep = parser.keep_alive() && parser.get().version() == 11;
    bool const head_only = request.method == "HEAD";
    if (auto* const admission = std::get_if<Admission>(&decision); admission && admission->check) {
      disarm();
      auto refusal = co_await admission->check();
      if (refusal) decision = std::move(*refusal);
      arm(limits_.request_time, Socket::shutdown_receive);
    }
    if (auto* const refusal = std::get_if<Response>(&decision)) {
      if (!parser.is_done()) co_return co_await refuse(*refusal);
      co_return co_await answer(*refusal, keep, head_only);
    }
    auto& admitted = std::get<Admission>(decision);
    if (auto const taken = seat_.take(admitted.share ? admitted.share() : Share()); !taken) {
      Response const refusal = problem(taken.error());
      if (!parser.is_done()) co_return co_await refuse(refusal);
      co_return co_await answer(refusal, keep, head_only);
    }
    struct Release {
      Seats::Seat& seat;
      ~Release() { seat.release(); }
    } const release{seat_};
    if (!parser.is_done()) {
      if (parser.content_length().value_or(0) > admitted.body_limit) {
        Response const refusal = problem(too_large(admitted.body_limit));
        co_return co_await refuse(refusal);
      }
      parser.body_limit(admitted.body_limit);
      parser.eager(true);
      if (request.header("expect") == "100-continue" && buffer_.size() == 0) {
        auto const go_on = net::buffer(kGoOn);
        auto const [ec, n] = co_await net::async_write(stream_, go_on, nothrow);
        if (ec) co_return false;
      }
      need_more = buffer_.size() == 0;
      while (!parser.is_done()) {
        if (need_more) {
          auto const filled = co_await fill(body_read_bytes);
          if (filled == Fill::ended) co_return false;
          if (filled == Fill::expired) co_return co_await refuse_late();
        }
        if (auto refusal = parse(parser, need_more, admitted.body_limit)) co_return co_await refuse(*refusal);
        auto const whole = parser.content_length().value_or(admitted.body_limit);
        if (auto const held = seat_.hold(parser.get().body().size(), whole); !held) {
          parser.get().body() = {};  // given back at once, not when the rest has been read away
          (void)seat_.hold(0, 0);
          Response const refusal = problem(held.error());
          co_return co_await refuse(refusal);
        }
      }
      request.body = std::move(parser.get().body());
    }
    disarm();
    std::string const handshake = is_websocket_request(request) ? websocket_handshake(request) : std::string();
    Response response = co_await admitted.handle(std::move(request), *this);
    if (response.websocket) {
      co_await upgrade(response, handshake);
      co_return false;
    }
    if (response.stream && !head_only) {
      co_await stream(response);
      co_return false;
    }
    auto const bytes = response.body.size();
    if (auto const held = seat_.hold(bytes, bytes); !held) response = problem(held.error());
    co_return co_await answer(response, keep, head_only);
  }

  /// Gives the parser what is buffered. `need_more` tells whether it wants more bytes; a response is a
  /// refusal.
  std::optional<Response> parse(Parser& parser, bool& need_more, std::size_t body_limit = 0) {
    error_code ec;
    auto const used = parser.put(buffer_.data(), ec);
    buffer_.consume(used);
    need_more = ec == ParseError::need_more || buffer_.size() == 0;
    if (!ec || ec == ParseError::need_more) {
      if (need_more && buffer_.size() >= most_unparsed)
        return problem(bad_request("a chunk's head or trailer is longer than 64 KiB"));
      return std::nullopt;
    }
    if (ec == ParseError::header_limit) return problem(header_too_large(), 431);
    if (ec == ParseError::body_limit) return problem(too_large(body_limit));
    return problem(bad_request("the request is not well-formed (" + ec.message() + ")"));
  }

  Error header_too_large() const {
    return {ErrorKind::too_large, "header_too_large",
            "the request's header is over " + std::to_string(limits_.header_bytes) + " bytes; send less"};
  }
  static Error too_large(std::size_t limit) {
    return {ErrorKind::too_large, "body_too_large",
            "the body is over the " + std::to_string(limit) + " bytes that this route takes; send less"};
  }

  awaitable<Fill> fill(std::size_t bytes) {
    auto const space = buffer_.prepare(bytes);
    auto const [ec, n] = co_await stream_.async_read_some(space, nothrow);
    buffer_.commit(n);
    if (expired_) co_return Fill::expired;
    co_return ec || finished_ ? Fill::ended : Fill::bytes;
  }

  awaitable<bool> answer(Response const& response, bool keep_alive, bool head_only = false) {
    keep_alive = keep_alive && !finished_;
    std::string head = response_head(response, keep_alive);
    std::string_view body = head_only ? std::string_view() : std::string_view(response.body);
    if (body.size() <= read_bytes) {
      head += body;  // one buffer, one system call
      body = {};
    }
    std::array<net::const_buffer, 2> const parts{net::buffer(head), net::const_buffer(body.data(), body.size())};
    arm(limits_.answer_time, Socket::shutdown_both);
    auto const [ec, n] = co_await net::async_write(stream_, parts, nothrow);
    disarm();
    co_return !ec && keep_alive && !expired_;
  }

  awaitable<bool> refuse_late() {
    Response const refusal = problem(timed_out("the request was not complete in time; send it at once"), 408);
    co_return co_await refuse(refusal);
  }

  /// Answers a request that is not read to its end, and closes so that the answer arrives.
  awaitable<bool> refuse(Response const& response) {
    co_await answer(response, false);
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    buffer_.clear();
    arm(drop_time, Socket::shutdown_both);
    for (std::size_t dropped = 0; dropped < most_dropped && !expired_ && !finished_;) {
      auto const space = buffer_.prepare(read_bytes);
      auto const [ec, n] = co_await stream_.async_read_some(space, nothrow);
      if (ec) break;
      dropped += n;
    }
    co_return false;
  }

  awaitable<void> stream(Response const& response) {
    if (old_client_) {
      Response const refusal = problem(bad_request("an answer that is streamed needs HTTP/1.1"), 505);
      co_await answer(refusal, false);
      co_return;
    }
    std::string const head = response_head(response, false);
    auto const buffer = net::buffer(head);
    arm(limits_.stream_write_time, Socket::shutdown_both);
    auto const [ec, n] = co_await net::async_write(stream_, buffer, nothrow);
    disarm();
    if (ec) co_return;
    streaming_ = true;
    co_await response.stream(*this);
    arm(limits_.stream_write_time, Socket::shutdown_both);
    auto const last = net::buffer("0\r\n\r\n", 5);
    (void)co_await net::async_write(stream_, last, nothrow);
    disarm();
  }

  awaitable<void> upgrade(Response const& response, std::string handshake) {
    if (handshake.empty()) {
      Response refusal = problem(bad_request("this route is a WebSocket and needs its handshake"), 426);
      refusal.headers.push_back({"Upgrade", "websocket"});
      (void)co_await refuse(refusal);
      co_return;
    }
    auto const left = buffer_.data();
    handshake.append(static_cast<char const*>(left.data()), left.size());
    buffer_.clear();
    arm(limits_.answer_time, Socket::shutdown_both);
    auto accepted =
        co_await accept_websocket(stream_, std::move(handshake), {limits_.frame_bytes, limits_.unsent_bytes});
    disarm();
    if (!accepted || finished_) co_return;
    websocket_ = accepted->get();
    struct Leave {
      HttpConnection& connection;
      ~Leave() { connection.websocket_ = nullptr; }
    } const leave{*this};
    co_await response.websocket(*websocket_);
  }

  // ---- the deadline of the present step ----
  // Expiry shuts the socket down instead of cancelling an operation: it cannot slip between two operations,
  // and a read that expired can still be answered. The timer is only touched when it would come too late.
  void arm(Clock::duration time, Socket::shutdown_type what) {
    on_expiry_ = what;
    deadline_ = Clock::now() + time;
    if (!waiting_ || deadline_ < timer_.expiry()) wait_for_deadline();
  }
  void disarm() { deadline_ = Clock::time_point::max(); }
  void wait_for_deadline() {
    waiting_ = true;
    timer_.expires_at(deadline_);
    timer_.async_wait([weak = weak_from_this(), round = ++round_](error_code) {
      // A wait that was replaced may still say it is due; and `this` may be gone.
      if (auto const self = weak.lock(); self && self->round_ == round) self->deadline_reached();
    });
  }
  void deadline_reached() {
    waiting_ = false;
    if (deadline_ == Clock::time_point::max()) return;
    if (Clock::now() < deadline_) return wait_for_deadline();
    expired_ = true;
    error_code ignored;
    socket_.shutdown(on_expiry_, ignored);
  }

  // constant
  RequestHandler& service_;
  Limits const& limits_;
  Entrance const entrance_;
  // io thread
  Stream stream_;
  Socket& socket_;             ///< the stream's
  beast::flat_buffer buffer_;  ///< read and not yet parsed
  bool first_ = true;
  bool old_client_ = false;  ///< of HTTP/1.0
  bool streaming_ = false;
  bool finished_ = false;
  WebSocket* websocket_ = nullptr;  ///< that it has become
  Timer timer_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Socket::shutdown_type on_expiry_ = Socket::shutdown_both;
  bool waiting_ = false;
  bool expired_ = false;
  std::uint64_t round_ = 0;
  Notifier finishing_;
  Seats::Seat seat_;
};

}  // namespace

std::shared_ptr<Connection> make_connection(Stream stream, Entrance entrance, RequestHandler& service,
                                            Limits const& limits, Seats& seats, std::string address) {
  return std::make_shared<HttpConnection>(std::move(stream), entrance, service, limits, seats, std::move(address));
}

}  // namespace ar::http
