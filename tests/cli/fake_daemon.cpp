#include "fake_daemon.hpp"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace ar::test {
namespace {

/// Waits until `fd` is ready; false when the server stops first.
bool ready(int fd, int stop, short what) {
  pollfd entries[2] = {{fd, what, 0}, {stop, POLLIN, 0}};
  while (::poll(entries, 2, -1) < 0) {
  }
  return entries[1].revents == 0;
}

bool send_all(int fd, int stop, std::string_view bytes) {
  while (!bytes.empty()) {
    if (!ready(fd, stop, POLLOUT)) return false;
    auto const n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
      bytes.remove_prefix(static_cast<std::size_t>(n));
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
      return false;
  }
  return true;
}

/// Reads one request; what is left over stays in `buffer`.
std::optional<FakeRequest> read_request(int fd, int stop, std::string& buffer) {
  auto const more = [&] {
    char bytes[65536];
    if (!ready(fd, stop, POLLIN)) return false;
    auto const n = ::recv(fd, bytes, sizeof bytes, 0);
    if (n > 0) buffer.append(bytes, static_cast<std::size_t>(n));
    return n > 0;
  };
  std::size_t head_end;
  while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos)
    if (!more()) return std::nullopt;
  FakeRequest request;
  std::string const head = buffer.substr(0, head_end + 2);
  auto const first = head.find("\r\n");
  std::string const line = head.substr(0, first);
  auto const space = line.find(' ');
  request.method = line.substr(0, space);
  request.path = line.substr(space + 1, line.rfind(' ') - space - 1);
  if (auto const question = request.path.find('?'); question != std::string::npos) {
    request.query = request.path.substr(question + 1);
    request.path.resize(question);
  }
  for (auto at = first + 2; at < head.size();) {
    auto const end = head.find("\r\n", at);
    auto const colon = head.find(':', at);
    std::string name = head.substr(at, colon - at);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    request.headers[name] = head.substr(std::min(colon + 2, end), end - std::min(colon + 2, end));
    at = end + 2;
  }
  buffer.erase(0, head_end + 4);
  std::size_t const length =
      request.headers.contains("content-length") ? std::stoull(request.headers["content-length"]) : 0;
  while (buffer.size() < length)
    if (!more()) return std::nullopt;
  request.body = buffer.substr(0, length);
  buffer.erase(0, length);
  return request;
}

}  // namespace

FakeReply problem(int status, std::string const& code, std::string const& detail, std::string const& field) {
  json document = {{"type", "urn:agent-runner:problem:" + code},
                   {"title", "Problem"},
                   {"status", status},
                   {"code", code},
                   {"detail", detail}};
  if (!field.empty()) document["field"] = field;
  FakeReply reply(status, document);
  reply.content_type = "application/problem+json";
  return reply;
}

bool FakeStream::write(std::string_view bytes) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return send_all(fd_, daemon_.stop_[0], size + std::string(bytes) + "\r\n");
}

void FakeStream::hold() {
  char byte;
  if (ready(fd_, daemon_.stop_[0], POLLIN)) (void)!::recv(fd_, &byte, 1, 0);
}

FakeDaemon::FakeDaemon(std::filesystem::path socket, Handler handler)
    : socket_(std::move(socket)), handler_(std::move(handler)) {
  std::filesystem::create_directories(socket_.parent_path());
  ::unlink(socket_.c_str());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_.c_str(), sizeof address.sun_path - 1);
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::pipe2(stop_, O_CLOEXEC) != 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 64) != 0)
    throw std::runtime_error("the fake daemon cannot listen on " + socket_.string());
  acceptor_ = std::thread([this] { accept_loop(); });
}

FakeDaemon::~FakeDaemon() {
  stopping_ = true;
  ::close(stop_[1]);
  acceptor_.join();
  for (auto& connection : connections_) connection.join();
  ::close(stop_[0]);
  ::close(listener_);
  ::unlink(socket_.c_str());
}

void FakeDaemon::accept_loop() {
  while (ready(listener_, stop_[0], POLLIN)) {
    int const fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    connections_.emplace_back([this, fd] {
      serve(fd);
      ::close(fd);
    });
  }
}

void FakeDaemon::serve(int fd) {
  std::string buffer;
  while (!stopping_) {
    auto request = read_request(fd, stop_[0], buffer);
    if (!request) return;
    if (request->path == "/healthz") {  // asked by every program before anything else: not part of what is tested
      std::string const body = R"({"status":"ok"})";
      auto const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
      if (!send_all(fd, stop_[0], head + std::to_string(body.size()) + "\r\n\r\n" + body)) return;
      continue;
    }
    {
      std::lock_guard const lock(mutex_);
      requests_.push_back(*request);
    }
    FakeReply const reply = handler_(*request);
    if (reply.hang_up) return;
    std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " X\r\nContent-Type: ";
    if (reply.stream) {
      if (!send_all(fd, stop_[0], head + "text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")) return;
      FakeStream stream(fd, *this);
      reply.stream(stream);
      if (!reply.breaks_off) send_all(fd, stop_[0], "0\r\n\r\n");
      return;
    }
    head += reply.content_type + "\r\nContent-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n";
    bool const written = send_all(fd, stop_[0], head + reply.body);
    if (reply.sent) reply.sent();
    if (!written) return;
  }
}

std::vector<FakeRequest> FakeDaemon::requests() const {
  std::lock_guard const lock(mutex_);
  return requests_;
}

FakeRequest FakeDaemon::last(std::string const& path) const {
  std::lock_guard const lock(mutex_);
  for (auto at = requests_.rbegin(); at != requests_.rend(); ++at)
    if (at->path == path) return *at;
  return {};
}

}  // namespace ar::test
