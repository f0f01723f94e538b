// Messages, their life, and what people and agents do with them.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "model/page.hpp"
#include "model/principal.hpp"

#include <cstdint>
#include <string>

namespace ar::control {

/// io thread only.
class MessagesApi {
 public:
  virtual ~MessagesApi() = default;
  /// With `mustReach: true` it is refused (no_receiver) where no agent of the bus has its address.
  virtual awaitable<Result<json>> send(Principal who, json message) = 0;
  /// Each with its deliveries in short: {agent, state, reason?}.
  virtual awaitable<Result<json>> messages(Principal who, Page page) = 0;
  /// The message with each delivery's life and times, its reactions and replies.
  virtual awaitable<Result<json>> message(Principal who, std::int64_t id) = 0;
  /// Error: bus_changed, where the bus has another store now than the one that numbered the message asked about.
  virtual Result<void> check_store(std::string const& meant) const = 0;
  /// Waits until every present delivery of the message is accepted (or the turn done); then as message(). `until`:
  /// accepted or done. Errors: `timeout` at the deadline, bus_changed.
  virtual awaitable<Result<json>> wait_message(Principal who, std::int64_t id, std::string until,
                                               milliseconds patience) = 0;
  /// What shows that `agent` (empty: the only one) took it, for whoever wants to check it elsewhere (docs/proof.md).
  /// Errors: unknown_message, not_taken, invalid (agent).
  virtual awaitable<Result<json>> proof(std::int64_t id, std::string agent) = 0;
  virtual awaitable<Result<json>> react(Principal who, std::int64_t id, std::string word) = 0;
  /// A person says whether `agent` (empty: the only one it is unknown at) took it. Errors: not_unknown, invalid
  /// (agent).
  virtual awaitable<Result<json>> settle(std::int64_t id, std::string agent, bool taken) = 0;
  /// Marks it read by the caller and returns it (operator: where it is for them).
  virtual awaitable<Result<json>> read(Principal who, std::int64_t id) = 0;
  virtual awaitable<Result<std::string>> body(Principal who, std::int64_t id) = 0;
  /// Of an agent, or of "operator": {unread: [...], replies: [...], more}.
  virtual awaitable<Result<json>> inbox(std::string id) = 0;
  virtual awaitable<Result<json>> dead_letters(Page page) = 0;
  virtual awaitable<Result<json>> requeue(std::int64_t id) = 0;
};

}  // namespace ar::control
