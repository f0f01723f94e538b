// What one client of a server may cost. The defaults are the product's; tests make them small.
#pragma once
#include "base/clock.hpp"

#include <cstddef>
#include <cstdint>

namespace ar::http {

struct Limits {
  std::uint32_t header_bytes = 16U << 10;
  /// Each door has as many, so that strangers on TCP cannot lock the operator out of the unix socket. An address of
  /// another machine has at most half of them.
  std::size_t connections = 256;
  std::size_t reserve = 64;    ///< of them, only for those whose share has no bounds (a quarter of them at most)
  std::size_t waiting = 2048;  ///< beside them, at each door: requests that wait for a person; never more
                               ///< than a quarter of the process's descriptors

  /// Bodies and answers that the clients of one door make the server hold at a time. Those with bounds have three
  /// quarters of it, and one of them half.
  std::size_t held_bytes = 128U << 20;

  Clock::duration request_time = std::chrono::seconds(30);  ///< from a request's first byte to its last
  Clock::duration keep_alive_time = std::chrono::seconds(60);
  Clock::duration answer_time = std::chrono::seconds(30);  ///< for the client to take an answer
  Clock::duration stream_write_time = std::chrono::seconds(10);
  Clock::duration stop_time = std::chrono::seconds(5);  ///< for answers under way when the server stops

  std::size_t frame_bytes = 8U << 20;    ///< of a WebSocket's text frame
  std::size_t unsent_bytes = 16U << 20;  ///< frames a WebSocket's client has not taken yet; past it, it is cut off
};

}  // namespace ar::http
