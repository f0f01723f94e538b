// What one client may cost. The defaults are the product's; tests make them small.
#pragma once
#include "base/http/limits.hpp"

namespace ar::control {

/// So often something may be done: `most` times within any `period`.
struct Rate {
  std::size_t most;
  Clock::duration period = std::chrono::minutes(1);
};

struct Limits : http::Limits {
  Limits() {
    frame_bytes = 64U << 10;  // clients of its WebSockets have little to say
  }
  std::size_t agent_requests = 32;  ///< of one agent under way at a door; of its hooks as many again
  std::size_t agent_waits = 64;     ///< hooks of one agent that wait for a person
  std::size_t body_bytes = 1U << 20;
  std::size_t message_bytes = 8U << 20;  ///< a 1 MiB message of control characters is 6 MiB once escaped
  std::size_t hook_bytes = 32U << 20;    ///< a hook's input holds whole files and outputs of tools
  std::size_t attachment_bytes = 32U << 20;
  bool check_answers = false;  ///< the tests': each answer is read again and compared with its schema
  Clock::duration stream_keep_alive = std::chrono::seconds(15);  ///< a comment, or a ping, on quiet streams
  Clock::duration mcp_progress = std::chrono::seconds(5);  ///< how often who waits by a tool is told how it goes
  std::size_t tickets = 16;                                      ///< of one principal that are not used yet
  Clock::duration ticket_time = std::chrono::seconds(30);
  // Of one principal.
  Rate archives{30}, snapshots{20}, restores{20}, searches{600}, redeliveries{60}, new_tickets{120};
  Rate wrong_tokens{300};  ///< at a door, of all who come there
};

}  // namespace ar::control
