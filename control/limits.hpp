// What one client may cost. The defaults are the product's; tests make them small.
#pragma once
#include "base/clock.hpp"

#include <cstddef>
#include <cstdint>

namespace ar::control {

struct Limits {
  std::uint32_t header_bytes = 16U << 10;
  std::size_t body_bytes = 1U << 20;
  std::size_t message_bytes = 8U << 20;  ///< a 1 MiB message of control characters is 6 MiB once escaped
  std::size_t hook_bytes = 32U << 20;    ///< a hook's input holds whole files and outputs of tools
  std::size_t attachment_bytes = 32U << 20;
  /// Each of the two listeners has as many, so that strangers on TCP cannot lock the operator out of the unix
  /// socket.
  std::size_t connections = 256;

  Clock::duration request_time = std::chrono::seconds(30);  ///< from a request's first byte to its last
  Clock::duration keep_alive_time = std::chrono::seconds(60);
  Clock::duration answer_time = std::chrono::seconds(30);  ///< for the client to take an answer
  Clock::duration stream_write_time = std::chrono::seconds(10);
  Clock::duration stream_keep_alive = std::chrono::seconds(15);  ///< a comment on quiet streams
  Clock::duration stop_time = std::chrono::seconds(5);           ///< for answers under way when the server stops
};

}  // namespace ar::control
