#include "control/raw_client.hpp"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace ar::test {
namespace {

constexpr int patience_seconds = 30;

void set_patience(int fd) {
  timeval const limit{patience_seconds, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}
[[noreturn]] void fail(std::string const& what) { throw std::runtime_error("raw client: " + what); }

}  // namespace

RawClient::RawClient(std::filesystem::path const& socket) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
  set_patience(fd_);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("cannot connect to the socket");
}
RawClient::RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  set_patience(fd_);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("cannot connect to the port");
}
RawClient::~RawClient() { ::close(fd_); }

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    auto const n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}
void RawClient::end_sending() { ::shutdown(fd_, SHUT_WR); }

bool RawClient::read_more() {
  char bytes[65536];
  ssize_t n = 0;
  do n = ::recv(fd_, bytes, sizeof bytes, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) fail("the server said nothing for 30 s");
  if (n <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(n));
  return true;
}
std::string RawClient::line() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos)
    if (!read_more()) fail("the connection ended inside a line: " + buffer_);
  std::string const text = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return text;
}
std::string RawClient::exactly(std::size_t size) {
  while (buffer_.size() < size)
    if (!read_more()) fail("the connection ended inside a body");
  std::string text = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return text;
}

Reply RawClient::head() {
  Reply reply;
  std::string const status = line();
  if (!status.starts_with("HTTP/1.1 ")) fail("no status line: " + status);
  reply.status = std::stoi(status.substr(9));
  for (std::string text = line(); !text.empty(); text = line()) {
    auto const colon = text.find(": ");
    if (colon == std::string::npos) fail("no header: " + text);
    std::string name = text.substr(0, colon);
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    reply.headers[name] = text.substr(colon + 2);
  }
  return reply;
}
Reply RawClient::reply(bool head_only) {
  Reply reply = head();
  while (reply.status == 100) reply = head();
  if (head_only) return reply;
  if (reply.headers.contains("content-length")) reply.body = exactly(std::stoul(reply.headers["content-length"]));
  return reply;
}
std::optional<std::string> RawClient::chunk() {
  if (buffer_.empty() && !read_more()) return std::nullopt;
  while (buffer_.find("\r\n") == std::string::npos)
    if (!read_more()) return std::nullopt;
  auto const size = std::stoul(line(), nullptr, 16);
  if (size == 0) return std::nullopt;
  while (buffer_.size() < size + 2)
    if (!read_more()) return std::nullopt;  // cut off: what is not whole does not count
  std::string text = exactly(size);
  if (exactly(2) != "\r\n") fail("a chunk does not end");
  return text;
}
bool RawClient::has_answer() const {
  pollfd one{fd_, POLLIN, 0};
  return !buffer_.empty() || ::poll(&one, 1, 0) > 0;
}
bool RawClient::at_end() { return buffer_.empty() && !read_more(); }

Reply RawClient::request(std::string_view method, std::string_view target, std::vector<std::string> const& headers,
                         std::string_view body) {
  send(request_text(method, target, headers, body));
  return reply(method == "HEAD");
}

std::string request_text(std::string_view method, std::string_view target, std::vector<std::string> const& headers,
                         std::string_view body) {
  std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\n";
  bool has_host = false;
  for (auto const& header : headers) {
    has_host = has_host || header.starts_with("Host:");
    text += header + "\r\n";
  }
  if (!has_host) text += "Host: localhost\r\n";
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + std::string(body);
}

std::optional<EventReader::Block> EventReader::next() {
  std::size_t end = 0;
  while ((end = buffer_.find("\n\n")) == std::string::npos) {
    auto const chunk = client_.chunk();
    if (!chunk) return std::nullopt;
    buffer_ += *chunk;
  }
  std::string const text = buffer_.substr(0, end + 1);
  buffer_.erase(0, end + 2);
  Block block;
  for (std::size_t start = 0; start < text.size();) {
    auto const stop = text.find('\n', start);
    std::string const line = text.substr(start, stop - start);
    start = stop + 1;
    if (line.starts_with("id: "))
      block.id = std::stoll(line.substr(4));
    else if (line.starts_with("data: "))
      block.data += line.substr(6);
    else if (line.starts_with(":"))
      block.comment = line.substr(1);
    else
      fail("not an event's line: " + line);
  }
  return block;
}
std::optional<EventReader::Block> EventReader::event() {
  for (;;) {
    auto block = next();
    if (!block || !block->data.empty()) return block;
  }
}

}  // namespace ar::test
