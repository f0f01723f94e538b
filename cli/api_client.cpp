#include "cli/api_client.hpp"

#include "base/http_error.hpp"
#include "base/peer.hpp"
#include "base/version.hpp"
#include "cli/daemon_process.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace net = boost::asio;
namespace beast = boost::beast;

namespace ar::cli {
namespace {

using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
constexpr std::uint64_t largest_answer = 256U << 20;

/// A blocking unix socket with a deadline; Beast's SyncReadStream and SyncWriteStream.
class Socket {
 public:
  Socket() = default;
  ~Socket() { close(); }
  Socket(Socket const&) = delete;
  Socket& operator=(Socket const&) = delete;

  Result<void> open(std::filesystem::path const& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof address.sun_path)
      return invalid("socket", "the socket's path " + path.string() + " is too long; choose a shorter state directory");
    std::memcpy(address.sun_path, path.c_str(), path.native().size() + 1);
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return from_errno("cannot create a socket", errno);
    timeval const patience{reach_patience.count() / 1000, 0};  // a daemon that hangs lets callers queue up
    (void)::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (::connect(fd_, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0) {
      auto trusted = check_peer(fd_, path);
      if (!trusted) close();
      return trusted;
    }
    int const reason = errno;
    close();
    if (reason == ENOENT || reason == ECONNREFUSED || reason == ENOTDIR)
      return unavailable("daemon_away", "no daemon answers on " + path.string() + "; start it with: agent-runner up");
    if (reason == EACCES || reason == EPERM)
      return Error{ErrorKind::forbidden, "socket_forbidden",
                   "no right to use " + path.string() +
                       "; it belongs to another user: run as that user, or choose "
                       "another --state-dir"};
    if (reason == EAGAIN) return timed_out("the daemon takes no connections at " + path.string() + "; it may hang");
    return from_errno("cannot connect to " + path.string(), reason);
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  void expires_after(milliseconds patience) { deadline_ = SteadyClock::now() + patience; }

  template <class Buffers>
  std::size_t read_some(Buffers const& buffers, error_code& ec) {
    for (net::mutable_buffer part : boost::beast::buffers_range_ref(buffers)) {
      if (part.size() == 0) continue;
      if (!wait(POLLIN, ec)) return 0;
      auto const n = ::recv(fd_, part.data(), part.size(), 0);
      if (n > 0) return static_cast<std::size_t>(n);
      ec = n == 0 ? error_code(net::error::eof) : error_code(errno, boost::system::system_category());
      return 0;
    }
    return 0;
  }
  template <class Buffers>
  std::size_t write_some(Buffers const& buffers, error_code& ec) {
    for (net::const_buffer part : boost::beast::buffers_range_ref(buffers)) {
      if (part.size() == 0) continue;
      if (!wait(POLLOUT, ec)) return 0;
      auto const n = ::send(fd_, part.data(), part.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EAGAIN) ec = error_code(errno, boost::system::system_category());
      return 0;
    }
    return 0;
  }
  // The throwing forms belong to the concept; nothing here calls them.
  template <class Buffers>
  std::size_t read_some(Buffers const& buffers) {
    error_code ec;
    return read_some(buffers, ec);
  }
  template <class Buffers>
  std::size_t write_some(Buffers const& buffers) {
    error_code ec;
    return write_some(buffers, ec);
  }

 private:
  bool wait(short what, error_code& ec) {
    for (;;) {
      auto const left = std::chrono::ceil<milliseconds>(deadline_ - SteadyClock::now()).count();
      pollfd entry{fd_, what, 0};
      int const ready = ::poll(&entry, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30)));
      if (ready > 0) {
        ec = {};
        return true;
      }
      if (ready < 0 && errno == EINTR) continue;
      ec = ready == 0 ? error_code(net::error::timed_out) : error_code(errno, boost::system::system_category());
      return false;
    }
  }
  int fd_ = -1;
  SteadyClock::time_point deadline_{};
};

beast::http::request<beast::http::string_body> make_request(Endpoint const& endpoint, Call const& call) {
  beast::http::request<beast::http::string_body> request{beast::http::string_to_verb(call.method), call.target, 11};
  request.set(beast::http::field::host, "localhost");
  request.set(beast::http::field::user_agent, std::string("agent-runner/") + kVersion);
  request.set(beast::http::field::accept, "application/json");
  if (!endpoint.token.empty()) request.set(beast::http::field::authorization, "Bearer " + endpoint.token);
  if (!call.body.empty()) request.set(beast::http::field::content_type, call.content_type);
  for (auto const& [name, value] : call.headers) request.set(name, value);
  request.body() = call.body;
  request.prepare_payload();
  return request;
}

Error wire_error(error_code const& ec, Call const& call) {
  auto const what = call.method + " " + call.target;
  if (ec == net::error::timed_out)
    return timed_out("the daemon did not answer " + what + " within " + std::to_string(call.patience.count()) +
                     " ms; see agent-runner doctor and agent-runner logs");
  return unavailable("daemon_lost", "the connection to the daemon broke during " + what + " (" + ec.message() +
                                        "); see agent-runner logs, then try again");
}

}  // namespace

std::string encoded(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && std::strchr("-._~:", c)))
      out += c;
    else
      out += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

struct ApiClient::Connection {
  Socket socket;
  boost::beast::flat_buffer buffer;
  bool used = false;
};

ApiClient::ApiClient(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}
ApiClient::~ApiClient() = default;

Result<void> ApiClient::connect() {
  if (connection_) return {};
  auto connection = std::make_unique<Connection>();
  if (auto opened = connection->socket.open(endpoint_.socket); !opened) return opened.error();
  connection_ = std::move(connection);
  return {};
}

pid_t ApiClient::server_pid() const {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (!connection_ || ::getsockopt(connection_->socket.fd(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  return peer.pid;
}

Result<void> ApiClient::reach() {
  if (auto connected = connect(); !connected) return connected;
  auto const pid = server_pid();
  auto const healthy = get("/healthz", reach_patience);
  if (healthy) return {};
  if (healthy.error().kind == ErrorKind::timeout) return no_answer(pid, endpoint_.socket);
  if (healthy.error().code != "daemon_lost") return healthy.error();
  return unavailable("daemon_away", "the daemon behind " + endpoint_.socket.string() + " is just ending; try again");
}

Result<std::string> ApiClient::attempt(Call const& call, bool& answered) {
  answered = false;
  if (auto connected = connect(); !connected) return connected.error();
  auto& connection = *connection_;
  connection.used = true;
  connection.socket.expires_after(call.patience);
  auto const request = make_request(endpoint_, call);
  error_code write_error;
  beast::http::write(connection.socket, request, write_error);
  // A daemon that refuses early (too large, no right) answers and closes before it has read everything, so
  // the answer counts even when the writing failed.
  beast::http::response_parser<beast::http::string_body> parser;
  parser.body_limit(largest_answer);
  error_code ec;
  beast::http::read(connection.socket, connection.buffer, parser, ec);
  answered = parser.got_some();
  if (ec) {
    connection_.reset();
    return wire_error(write_error && !answered ? write_error : ec, call);
  }
  auto response = parser.release();
  if (write_error || !response.keep_alive()) connection_.reset();
  auto const status = static_cast<int>(response.result_int());
  if (status >= 400) return http::refusal_of(status, response.body(), "the daemon");
  return std::move(response.body());
}

Result<std::string> ApiClient::bytes(Call const& call) {
  bool const reused = connection_ && connection_->used;
  bool answered = false;
  auto result = attempt(call, answered);
  // A kept connection may have been closed meanwhile (idle limit, restart): that is no failure of this call.
  // Only what may safely be said twice is said again.
  bool const repeatable = call.method == "GET" || call.method == "HEAD";
  if (!result && result.error().code == "daemon_lost" && reused && !answered && repeatable)
    result = attempt(call, answered);
  return result;
}

Result<void> ApiClient::stream(Call const& call, std::function<Result<void>(std::string_view)> const& sink) {
  Socket socket;  // of its own: it ends with the answer
  if (auto opened = socket.open(endpoint_.socket); !opened) return opened.error();
  socket.expires_after(call.patience);
  error_code ec;
  beast::http::write(socket, make_request(endpoint_, call), ec);
  if (ec) return wire_error(ec, call);
  beast::flat_buffer buffer;
  beast::http::response_parser<beast::http::string_body> response;
  response.body_limit(boost::none);
  beast::http::read_header(socket, buffer, response, ec);
  if (ec) return wire_error(ec, call);
  auto const type = response.get()[beast::http::field::content_type];
  if (auto const status = static_cast<int>(response.get().result_int()); status >= 400 && type != "application/json") {
    beast::http::read(socket, buffer, response, ec);
    return http::refusal_of(status, response.get().body(), "the daemon");
  }
  while (!response.is_done()) {
    socket.expires_after(call.patience);
    beast::http::read_some(socket, buffer, response, ec);
    auto& body = response.get().body();
    if (auto taken = sink(body); !taken) return taken;
    body.clear();
    if (ec) return wire_error(ec, call);
  }
  return {};
}

Result<json> ApiClient::call(Call const& call) {
  auto body = bytes(call);
  if (!body) return body.error();
  if (body->empty()) return ok(json::object());
  auto parsed = parse_object(*body);
  if (!parsed)
    return internal("bad_answer", "the daemon's answer to " + call.method + " " + call.target +
                                      " is no JSON object; are both of one version? See agent-runner version");
  return parsed;
}

Result<json> ApiClient::get(std::string target, milliseconds patience) {
  Call request{.method = "GET", .target = std::move(target)};
  request.patience = patience;
  return call(request);
}
Result<json> ApiClient::call_once(Call const& request) {
  auto answer = call(request);
  if (!answer && answer.error().code == "daemon_lost") answer = call(request);
  return answer;
}
Result<json> ApiClient::post(std::string target, json const& body, milliseconds patience) {
  Call request{.method = "POST", .target = std::move(target), .body = body.dump()};
  request.patience = patience;
  return call(request);
}
Result<json> ApiClient::remove(std::string target) { return call({.method = "DELETE", .target = std::move(target)}); }

struct EventStream::State {
  Socket socket;
  boost::beast::flat_buffer buffer;
  beast::http::response_parser<beast::http::string_body> response;
  EventStreamParser events;
  milliseconds silence{};
  SteadyClock::time_point heard = SteadyClock::now();
};

EventStream::EventStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
EventStream::~EventStream() = default;

Result<std::unique_ptr<EventStream>> EventStream::open(Endpoint const& endpoint, std::string target, std::string after,
                                                       milliseconds silence) {
  auto state = std::make_unique<State>();
  state->silence = silence;
  if (auto opened = state->socket.open(endpoint.socket); !opened) return opened.error();
  Call request{.method = "GET", .target = std::move(target)};
  request.headers.emplace_back("Accept", "text/event-stream");
  if (!after.empty()) request.headers.emplace_back("Last-Event-ID", std::move(after));
  state->socket.expires_after(request.patience);
  error_code ec;
  beast::http::write(state->socket, make_request(endpoint, request), ec);
  if (ec) return wire_error(ec, request);
  state->response.body_limit(boost::none);
  beast::http::read_header(state->socket, state->buffer, state->response, ec);
  if (ec) return wire_error(ec, request);
  if (auto const status = static_cast<int>(state->response.get().result_int()); status >= 400) {
    beast::http::read(state->socket, state->buffer, state->response, ec);
    return http::refusal_of(status, state->response.get().body(), "the daemon");
  }
  // Not eager: an eager parser wants the next chunk's head before it hands out the present chunk's body, so
  // that every event would be late by one.
  state->response.eager(false);
  return std::unique_ptr<EventStream>(new EventStream(std::move(state)));
}

std::string const& EventStream::last_id() const { return state_->events.last_id(); }

Result<std::optional<StreamEvent>> EventStream::next(std::optional<milliseconds> patience) {
  auto& state = *state_;
  auto const give_up = patience ? SteadyClock::now() + *patience : SteadyClock::time_point::max();
  for (;;) {
    if (auto event = state.events.next()) return event;
    if (state.response.is_done()) return unavailable("stream_ended", "the daemon ended the stream of events");
    auto const until = std::min(give_up, state.heard + state.silence);
    state.socket.expires_after(std::chrono::ceil<milliseconds>(until - SteadyClock::now()));
    error_code ec;
    beast::http::read_some(state.socket, state.buffer, state.response, ec);
    auto& body = state.response.get().body();
    if (!body.empty()) state.heard = SteadyClock::now();
    state.events.feed(body);
    body.clear();
    if (ec == net::error::timed_out && until == give_up) return std::optional<StreamEvent>();
    if (ec) return unavailable("stream_ended", "the stream of events broke: " + ec.message());
  }
}

}  // namespace ar::cli
