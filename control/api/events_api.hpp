// The event log, in pages and live.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "model/event.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ar::control {

/// io thread only.
class EventsApi {
 public:
  virtual ~EventsApi() = default;
  /// At most `limit` events after `cursor`, oldest first; `agent` empty: all. For one agent the cursor and order are
  /// its own numbers. Not found: an unknown agent.
  virtual awaitable<Result<std::vector<Event>>> events(std::string agent, std::int64_t cursor, int limit) = 0;
  /// The number of the last event; of one agent its own number, 0 when it has none.
  virtual std::int64_t last_event(std::string const& agent) const = 0;
  /// Whether each event that is kept follows from the one before it (docs/proof.md).
  virtual awaitable<Result<json>> check_log() = 0;
  /// Returns when events after `cursor` exist (true) or at the deadline (false).
  virtual awaitable<bool> wait_events(std::string agent, std::int64_t cursor, Clock::time_point deadline) = 0;
};

}  // namespace ar::control
