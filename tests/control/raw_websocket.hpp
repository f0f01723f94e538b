// A WebSocket's client of which the test says every frame (RFC 6455), over a RawClient.
#pragma once
#include "control/raw_client.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ar::test {

enum class Frame { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

class RawWebSocket {
 public:
  explicit RawWebSocket(RawClient& client) : client_(client) {}

  /// The handshake; the whole answer where it is refused, else its head (101).
  Reply open(std::string const& target, std::vector<std::string> headers = {});
  bool send(Frame kind, std::string const& payload);

  struct Message {
    Frame kind;
    std::string payload;
    /// Of a close.
    int code() const;
    std::string reason() const;
  };
  /// The next whole message; nothing at the end of the connection, also in the middle of one.
  std::optional<Message> next();
  /// The next that is no ping, each of which it answers.
  std::optional<Message> next_answering();

 private:
  RawClient& client_;
  std::string begun_;  ///< of a message in several frames
};

}  // namespace ar::test
