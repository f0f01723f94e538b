// The event log as a stream, in whatever form it goes out: in pages as fast as the client takes them, then live. It
// pulls, so there is no gap and no repeat, and a slow reader costs one page.
#pragma once
#include "base/http/http.hpp"
#include "base/http/peer.hpp"
#include "base/http/websocket.hpp"
#include "control/api/events_api.hpp"
#include "control/limits.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ar::control {

struct EventCursor {
  std::string agent{};     ///< empty: the log of all
  std::int64_t after = 0;  ///< of the agent's own numbers when `agent` is set
  /// A stream ends when the agent is removed: the next one of its name may be nobody's whom the reader may look at.
  bool ends_with_agent = false;
};

/// The event's number in that log.
inline std::int64_t number_in(std::string const& agent, Event const& event) {
  return agent.empty() ? event.number : event.agent_number;
}

/// One form of the stream, to one client. What awaits a bool is told false when the client has gone or is too slow.
class EventSink {
 public:
  virtual ~EventSink() = default;
  /// May keep it until flush().
  virtual awaitable<bool> write(std::int64_t number, std::string_view json_text) = 0;
  virtual awaitable<bool> flush() = 0;
  /// Nothing has happened for a while.
  virtual awaitable<bool> keep_alive() = 0;
  /// Returns when the client has hung up or the server stops.
  virtual awaitable<void> gone() = 0;
};

/// Runs until the client has gone or is too slow; an error is the log's.
awaitable<Result<void>> stream_events(EventsApi& events, EventSink& sink, EventCursor from, Clock::duration keep_alive);

class ServerSentEvents : public EventSink {
 public:
  /// Begins with an id without data, which is remembered by the client and shown to nobody: it can resume before the
  /// first event.
  ServerSentEvents(http::Peer& peer, std::int64_t after);
  awaitable<bool> write(std::int64_t number, std::string_view json_text) override;
  awaitable<bool> flush() override;
  awaitable<bool> keep_alive() override;
  awaitable<void> gone() override { return peer_.gone(); }

 private:
  http::Peer& peer_;
  std::string text_;
};

/// Server-sent events.
awaitable<void> stream_to_peer(EventsApi& events, http::Peer& peer, EventCursor from, Limits const& limits);
/// A WebSocket: a text frame for each event, and a pong for each ping that the client sends as text. A reader that is
/// too slow is told to resume.
awaitable<void> stream_to_websocket(EventsApi& events, http::WebSocket& socket, EventCursor from, Limits const& limits);

bool wants_server_sent_events(http::Request const& request);
bool wants_websocket(http::Request const& request);

/// One event in the stream's form: "id: 7\ndata: {...}\n\n".
std::string event_block(std::int64_t id, std::string_view json_text);

}  // namespace ar::control
