// Follows the whole event log of an installation by a WebSocket, from the reader's cursor on.
#pragma once
#include "control/raw_websocket.hpp"
#include "system/installation.hpp"

namespace ar::test {

class EventSocket {
 public:
  explicit EventSocket(Installation& home) : client_(home.state() / "run" / "control.sock"), socket_(client_) {}

  void open(std::int64_t cursor) { REQUIRE(socket_.open("/v1/events?cursor=" + std::to_string(cursor)).status == 101); }
  /// The next event; null when the connection is over, or after 4 pings without one (a minute). What ended it, if it
  /// has said so, stays as `end`.
  json next() {
    for (int pings = 0; pings < 4; ++pings) {
      auto const message = socket_.next();
      if (!message) return nullptr;
      if (message->kind == Frame::text) return json::parse(message->payload);
      if (message->kind != Frame::ping) {
        end = message;
        return nullptr;
      }
      socket_.send(Frame::pong, message->payload);
    }
    return nullptr;
  }
  /// Adds what comes to `numbers` until an event of that type has, or the connection is over.
  void read_until(std::string const& type, std::vector<std::int64_t>& numbers) {
    for (json event = next(); !event.is_null(); event = next()) {
      numbers.push_back(event["number"].get<std::int64_t>());
      if (event["type"] == type) return;
    }
  }
  std::optional<RawWebSocket::Message> end{};

 private:
  RawClient client_;
  RawWebSocket socket_;
};

}  // namespace ar::test
