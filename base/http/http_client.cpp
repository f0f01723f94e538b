#include "base/http/http_client.hpp"

#include "base/http/accept_websocket.hpp"
#include "base/http/resolve.hpp"
#include "base/http/stream.hpp"
#include "base/http/url.hpp"
#include "base/http/within.hpp"
#include "base/http_error.hpp"
#include "base/peer.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <cerrno>
#include <list>
#include <sys/socket.h>

namespace ar::http {
namespace {

namespace beast = boost::beast;
using Parser = beast::http::response_parser<beast::http::string_body>;

constexpr std::size_t kReadBytes = 64U << 10;
/// Well before the server's own limit for idle connections, so that the two do not cross.
constexpr auto kKeptFor = std::chrono::seconds(25);

struct Kept {
  Stream stream;
  beast::flat_buffer buffer{};
  Clock::time_point since = Clock::now();
};

bool is_dead(Kept& kept) {
  char byte = 0;
  auto const got = ::recv(kept.stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got < 0) return errno != EAGAIN && errno != EINTR;
  // A plain server says nothing unasked; under TLS it may (session tickets).
  return got == 0 || !kept.stream.secure();
}

std::string request_head(Endpoint const& endpoint, Call const& call) {
  std::string head = call.method + " " + endpoint.path + call.target + " HTTP/1.1\r\nHost: " + endpoint.authority() +
                     "\r\nUser-Agent: agent-runner\r\nAccept: application/json\r\n";
  if (!call.body.empty()) head += "Content-Type: " + call.content_type + "\r\n";
  if (call.method != "GET") head += "Content-Length: " + std::to_string(call.body.size()) + "\r\n";
  for (auto const& header : call.headers) head += header.name + ": " + header.value + "\r\n";
  return head + "\r\n";
}

awaitable<Result<std::unique_ptr<WebSocket>>> open_over_unix(std::filesystem::path file, std::string target,
                                                             WebSocketLimits limits) {
  auto const path = file.string();
  if (path.size() >= 108) co_return invalid("socket", "the path " + path + " is too long for a unix socket");
  net::local::stream_protocol::socket socket(co_await net::this_coro::executor);
  net::local::stream_protocol::endpoint const endpoint(path);
  auto [ec] = co_await socket.async_connect(endpoint, nothrow);
  if (ec) co_return unavailable("server_unreachable", "nobody listens at " + path + ": " + ec.message());
  if (auto trusted = check_peer(socket.native_handle(), file); !trusted) co_return trusted.error();
  co_return co_await open_websocket(Stream(Socket(std::move(socket))), "localhost", std::move(target), {}, limits);
}

}  // namespace

awaitable<Result<std::unique_ptr<WebSocket>>> open_websocket(std::filesystem::path socket, std::string target,
                                                             WebSocketLimits limits, Clock::duration patience) {
  auto opened = co_await within(patience, open_over_unix(socket, std::move(target), limits));
  if (opened) co_return std::move(*opened);
  co_return timed_out(socket.string() + " did not answer in time");
}

struct HttpClient::Impl {
  Impl(Executor ex, Endpoint where, Tls context, std::size_t most, AddressCheck check)
      : executor(ex),
        endpoint(std::move(where)),
        tls(std::move(context)),
        allowed(std::move(check)),
        free(most),
        changed(ex) {}

  /// One of the connections that there may be; its end is somebody else's turn.
  struct Turn {
    Impl& impl;
    ~Turn() {
      ++impl.free;
      impl.changed.notify_all();
    }
  };

  awaitable<Result<Stream>> connect() {
    auto const& where = endpoint;
    auto const found = co_await addresses_of(where.host);
    if (!found) co_return found.error();
    // The name is looked up once: what was checked is what is connected to.
    std::vector<net::ip::tcp::endpoint> usable;
    for (auto const& address : *found)
      if (!allowed || allowed(address.to_string())) usable.emplace_back(address, where.port);
    if (usable.empty())
      co_return Error{ErrorKind::forbidden, "address_refused",
                      where.host + " stands for no address that may be connected to"};
    net::ip::tcp::socket socket(executor);
    auto [ec, endpoint_used] = co_await net::async_connect(socket, usable, nothrow);
    if (ec) co_return unreachable("nobody answers at " + where.authority() + ": " + ec.message());
    error_code ignored;
    socket.set_option(net::ip::tcp::no_delay(true), ignored);
    Stream stream(Socket(std::move(socket)), tls);
    auto const refused = co_await stream.handshake_as_client(where.host);
    if (refused)
      co_return unavailable("tls_failed", "no TLS with " + where.authority() + ": " + refused.message() +
                                              "; check the certificate, its name and ca_file");
    co_return stream;
  }

  /// `fresh`: the connection was made for this call. `answered`: some of an answer came.
  awaitable<Result<Answer>> attempt(Call const& call, bool& fresh, bool& answered) {
    std::optional<Kept> connection;
    while (!kept.empty() && !connection) {
      if (Clock::now() - kept.front().since < kKeptFor && !is_dead(kept.front()))
        connection.emplace(std::move(kept.front()));
      kept.pop_front();
    }
    fresh = !connection;
    if (fresh) {
      auto connected = co_await connect();
      if (!connected) co_return connected.error();
      connection.emplace(Kept{std::move(*connected)});
    }
    auto const head = request_head(endpoint, call);
    std::array<net::const_buffer, 2> const parts{net::buffer(head), net::buffer(call.body)};
    auto const [write_error, written] = co_await net::async_write(connection->stream, parts, nothrow);
    // A server that refuses early answers and closes before it has read everything: the answer counts all the same.
    Parser parser;
    parser.body_limit(call.most_answer_bytes);
    parser.eager(true);
    while (!parser.is_done()) {
      auto const space = connection->buffer.prepare(kReadBytes);
      auto const [ec, size] = co_await connection->stream.async_read_some(space, nothrow);
      connection->buffer.commit(size);
      error_code bad;
      if (ec && parser.got_some()) parser.put_eof(bad);
      if (ec && !parser.is_done())
        co_return unavailable("connection_lost", "the connection to " + endpoint.authority() +
                                                     " broke: " + (write_error ? write_error : ec).message());
      if (ec) break;
      connection->buffer.consume(parser.put(connection->buffer.data(), bad));
      answered = answered || parser.got_some();
      if (bad == beast::http::error::body_limit)
        co_return Answer{static_cast<int>(parser.get().result_int()), {}, true};
      if (bad && bad != beast::http::error::need_more)
        co_return unavailable("bad_answer", endpoint.authority() + " does not speak HTTP: " + bad.message());
    }
    auto response = parser.release();
    if (!write_error && response.keep_alive() && connection->buffer.size() == 0) {
      connection->since = Clock::now();
      kept.push_front(std::move(*connection));
    }
    co_return Answer{static_cast<int>(response.result_int()), std::move(response.body())};
  }

  awaitable<Result<Answer>> converse(Call const& call) {
    while (free == 0) co_await changed.wait();
    --free;
    Turn const turn{*this};
    bool fresh = true, answered = false;
    auto result = co_await attempt(call, fresh, answered);
    if (!result && result.error().code == "connection_lost" && !fresh && !answered && call.repeatable) {
      kept.clear();
      result = co_await attempt(call, fresh, answered);
    }
    co_return result;
  }

  awaitable<Result<std::unique_ptr<WebSocket>>> upgrade(std::string target, std::vector<Header> headers,
                                                        WebSocketLimits limits) {
    auto connected = co_await connect();
    if (!connected) co_return connected.error();
    co_return co_await http::open_websocket(std::move(*connected), endpoint.authority(), endpoint.path + target,
                                            std::move(headers), limits);
  }

  static Error unreachable(std::string message) { return unavailable("server_unreachable", std::move(message)); }

  Executor executor;
  Endpoint const endpoint;
  Tls const tls;
  AddressCheck const allowed;
  std::size_t free;
  std::list<Kept> kept;  ///< the last used first
  Notifier changed;
};

std::string Endpoint::authority() const {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

Result<Endpoint> parse_endpoint(std::string_view url) {
  auto const bad = [&](char const* why) {
    return invalid("url", "the URL \"" + std::string(url.substr(0, 200)) + "\" " + why +
                              "; write it like https://relay.example:7077");
  };
  Endpoint endpoint;
  std::string_view rest = url;
  if (rest.starts_with("https://"))
    endpoint.secure = true;
  else if (!rest.starts_with("http://"))
    return bad("does not start with http:// or https://");
  rest.remove_prefix(endpoint.secure ? 8 : 7);
  if (rest.find_first_of("?#@ \t\r\n") != std::string_view::npos)
    return bad("has a query, a user or a blank; a token belongs in token_file");
  auto const slash = std::min(rest.find('/'), rest.size());
  endpoint.path = std::string(rest.substr(slash));
  while (endpoint.path.ends_with('/')) endpoint.path.pop_back();
  auto authority = rest.substr(0, slash);
  endpoint.port = endpoint.secure ? 443 : 80;
  auto const bracket = authority.rfind(']');
  auto const colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    auto const port = parse_number(authority.substr(colon + 1));
    if (!port || *port < 1 || *port > 65535) return bad("has no good port");
    endpoint.port = static_cast<std::uint16_t>(*port);
    authority = authority.substr(0, colon);
  }
  if (authority.size() > 2 && authority.front() == '[' && authority.back() == ']')
    authority = authority.substr(1, authority.size() - 2);
  if (authority.empty()) return bad("names no host");
  endpoint.host = std::string(authority);
  return endpoint;
}

std::string percent_encode(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    bool const plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain)
      out += c;
    else
      out += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

HttpClient::HttpClient(Executor executor, Endpoint endpoint, Tls tls, std::size_t most_connections,
                       AddressCheck allowed)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(endpoint), std::move(tls), most_connections,
                                   std::move(allowed))) {}
HttpClient::~HttpClient() = default;

awaitable<Result<Answer>> HttpClient::exchange(Call call) {
  auto const impl = impl_;  // whoever calls may let the caller go meanwhile
  auto result = co_await within(call.patience, impl->converse(call));
  if (result) co_return std::move(*result);
  co_return timed_out(impl->endpoint.authority() + " did not answer " + call.method + " " + call.target + " in time");
}

awaitable<Result<std::string>> HttpClient::call(Call call) {
  auto const where = impl_->endpoint.authority();
  auto answer = co_await exchange(std::move(call));
  if (!answer) co_return answer.error();
  if (answer->status >= 400) co_return refusal_of(answer->status, answer->body);
  if (answer->too_large) co_return unavailable("bad_answer", where + " answered more than it may");
  if (answer->status < 200 || answer->status >= 300)
    co_return unavailable("bad_answer", where + " answered " + std::to_string(answer->status) + "; check the URL");
  co_return std::move(answer->body);
}

awaitable<Result<std::unique_ptr<WebSocket>>> HttpClient::open_websocket(std::string target,
                                                                         std::vector<Header> headers,
                                                                         WebSocketLimits limits,
                                                                         Clock::duration patience) {
  auto const impl = impl_;
  auto opened = co_await within(patience, impl->upgrade(std::move(target), std::move(headers), limits));
  if (opened) co_return std::move(*opened);
  co_return timed_out(impl->endpoint.authority() + " did not answer in time");
}

void HttpClient::forget_connections() { impl_->kept.clear(); }

}  // namespace ar::http
