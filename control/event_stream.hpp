// Server-sent events: the log in pages as fast as the client takes them, then live. It pulls, so there is no
// gap and no repeat, and a slow reader costs one page.
#pragma once
#include "base/http/peer.hpp"
#include "control/api/events_api.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ar::control {

using http::Peer;
using http::until;
using http::while_present;

struct EventCursor {
  std::string agent{};     ///< empty: the log of all
  std::int64_t after = 0;  ///< of the agent's own numbers when `agent` is set
};

/// What ends a stream of events: it writes what is in the log by then, and returns.
class StreamEnd {
 public:
  explicit StreamEnd(Executor executor) : changed_(std::move(executor)) {}
  void come() {
    has_come_ = true;
    changed_.notify_all();
  }
  bool has_come() const { return has_come_; }
  awaitable<void> wait();

 private:
  bool has_come_ = false;
  Notifier changed_;
};

/// Runs until the client has gone, is too slow, or the log fails: nothing. Or until `end` has come: the last cursor.
awaitable<std::optional<std::int64_t>> stream_events(EventsApi& events, Peer& peer, EventCursor from,
                                                     Clock::duration keep_alive, StreamEnd& end);
awaitable<void> stream_events(EventsApi& events, Peer& peer, EventCursor from, Clock::duration keep_alive);

/// One event in the stream's form: "id: 7\ndata: {...}\n\n".
std::string event_block(std::int64_t id, std::string_view json_text);

}  // namespace ar::control
