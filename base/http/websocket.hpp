// One WebSocket connection, of either side: text frames in and out. io thread only.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace ar::http {

struct WebSocketLimits {
  std::size_t frame_bytes = 8U << 20;    ///< of one frame that comes in
  std::size_t unsent_bytes = 16U << 20;  ///< queued and not yet taken by the other side
};

/// Codes of a closing frame (RFC 6455, section 7.4).
enum class CloseCode : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  policy_error = 1008,
  internal_error = 1011,
  try_again_later = 1013,
};

/// What a closing frame says; of the text, which is for people, 123 bytes have room.
struct CloseReason {
  CloseCode code = CloseCode::normal;
  std::string text{};
};

/// Ends the connection when destroyed; a read under way must have returned by then.
class WebSocket {
 public:
  virtual ~WebSocket() = default;

  /// The next frame; one reader at a time. Errors, each of them the end: connection_closed (the other side said so),
  /// connection_lost, frame_too_large, not_text.
  virtual awaitable<Result<std::string>> read() = 0;
  /// Queues a frame. False: the connection is over, or the other side has left too much unread and is cut off.
  virtual bool send(std::string text) = 0;
  /// Waits until the other side has taken what is queued. False: not by the deadline, or the connection is over.
  virtual awaitable<bool> flush(Clock::time_point deadline) = 0;
  /// Sends a ping of the protocol, whose answer nobody waits for.
  virtual void ping() = 0;
  /// Nothing more is sent after what is queued and the closing frame; read() goes on until the other side closes too.
  /// The first reason counts.
  virtual void finish(CloseReason reason = {}) = 0;
  /// The same, and waits for the end, for no longer than `patience`; then cuts.
  virtual awaitable<void> close(Clock::duration patience, CloseReason reason = {}) = 0;
  /// Shuts the socket down at once: read() fails, and why() says `reason`.
  virtual void cut(std::string reason) = 0;
  virtual bool is_open() const = 0;
  /// Bytes queued and not yet taken by the other side.
  virtual std::size_t unsent() const = 0;
  /// Why it is over.
  virtual std::string const& why() const = 0;
};

}  // namespace ar::http
