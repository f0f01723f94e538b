#include "control/raw_websocket.hpp"

#include <stdexcept>

namespace ar::test {
namespace {

int byte_at(std::string const& bytes, std::size_t at) { return static_cast<unsigned char>(bytes.at(at)); }

}  // namespace

Reply RawWebSocket::open(std::string const& target, std::vector<std::string> headers) {
  for (auto const* header : {"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="})
    headers.emplace_back(header);
  client_.send(request_text("GET", target, headers));
  auto reply = client_.head();
  if (reply.headers.contains("content-length"))
    reply.body = client_.exactly(std::stoul(reply.headers["content-length"]));
  return reply;
}

bool RawWebSocket::send(Frame kind, std::string const& payload) {
  std::string bytes{static_cast<char>(0x80 | static_cast<int>(kind))};
  if (payload.size() < 126) {
    bytes += static_cast<char>(0x80 | payload.size());
  } else {
    bytes += static_cast<char>(0x80 | 126);
    bytes += static_cast<char>(payload.size() >> 8 & 255);
    bytes += static_cast<char>(payload.size() & 255);
  }
  bytes += std::string(4, '\0');  // a mask that changes nothing
  return client_.send(bytes + payload);
}

std::optional<RawWebSocket::Message> RawWebSocket::next() try {
  for (;;) {
    if (client_.at_end()) return std::nullopt;
    auto const head = client_.exactly(2);
    auto const kind = static_cast<Frame>(byte_at(head, 0) & 15);
    auto size = static_cast<std::size_t>(byte_at(head, 1) & 127);
    if (size > 125) {
      auto const wide = client_.exactly(size == 126 ? 2 : 8);
      size = 0;
      for (std::size_t i = 0; i < wide.size(); ++i) size = size << 8 | static_cast<std::size_t>(byte_at(wide, i));
    }
    auto payload = client_.exactly(size);
    if (kind >= Frame::close) return Message{kind, std::move(payload)};
    begun_ += payload;
    if ((byte_at(head, 0) & 0x80) != 0) return Message{Frame::text, std::exchange(begun_, {})};
  }
} catch (std::runtime_error const&) {
  return std::nullopt;
}

std::optional<RawWebSocket::Message> RawWebSocket::next_answering() {
  for (;;) {
    auto message = next();
    if (!message || message->kind != Frame::ping) return message;
    send(Frame::pong, message->payload);
  }
}

int RawWebSocket::Message::code() const { return byte_at(payload, 0) << 8 | byte_at(payload, 1); }
std::string RawWebSocket::Message::reason() const { return payload.substr(2); }

}  // namespace ar::test
