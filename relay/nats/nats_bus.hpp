// The bus on NATS JetStream, for a fleet: every daemon connects to the same server or cluster, and what one sends,
// any other can read or take. What lies where on the server: names.hpp. How a call works: core.hpp. How a claim is
// kept: lease.hpp.
//
// When the server is away, calls fail with `unavailable` at once, the connection is tried again for ever with growing
// pauses (0.25 to 30 s), and after it is back everything missed is read and hinted at. Of each agent's status the
// newest that could not be told is kept and told then. A message is never kept here: whoever sends repeats it with its
// key.
#pragma once
#include "relay/bus.hpp"
#include "relay/nats/nats_options.hpp"

namespace ar::relay {

class NatsBus : public Bus {
 public:
  /// Checks the options, and begins to connect. A server that is away or a file that cannot be read now is no error
  /// here: status() says so, and it is tried again. The first calls wait until the first attempt has succeeded or
  /// failed. Await stop() before destroying the bus; calls in flight must have returned by then. `on_death`:
  /// it does not do all of its work any more.
  static Result<std::unique_ptr<NatsBus>> open(Executor executor, NatsOptions options, BusLimits limits = {},
                                               TaskGroup::OnDeath on_death = {});
  /// Disconnects; no thread of the NATS library's is left when the last bus has stopped. Calls fail from here on.
  virtual awaitable<void> stop() = 0;
  /// Waits for the outcome of the first attempt; then what calls would get.
  virtual awaitable<Result<void>> ready() = 0;
  /// What `bus status` shows: {kind, transport, server, streams: [{name, messages, bytes, consumers, ...}], feeds:
  /// [{stream, applied, lag}], made, lastError, ...}. Works also while the server is away: then it says why.
  virtual awaitable<json> status() = 0;
};

}  // namespace ar::relay
