// What the control server needs of the daemon: its narrow side, declared here, implemented in daemon/. JSON in and
// out, since that is all the server does with it. All on the io thread.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "model/event.hpp"
#include "model/page.hpp"
#include "model/principal.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ar::control {

struct Spawned {
  json agent;
  bool created = true;  ///< false: the idempotency key had been used with the same body
};

class Backend {
 public:
  virtual ~Backend() = default;

  /// Who holds this bearer token; `unauthorized` when it is unknown, expired or revoked.
  virtual Result<Principal> authenticate(std::string_view token) = 0;

  virtual awaitable<Result<json>> info() = 0;
  virtual awaitable<Result<json>> configuration() = 0;
  /// Reads it again: {file, changed: [{key, before, value}], restart: [{key, inForce, value}]}. An error changes
  /// nothing.
  virtual awaitable<Result<json>> reload_configuration() = 0;
  virtual awaitable<Result<json>> bus() = 0;  ///< which bus, and how it is
  /// `stop_agents`: end them too. Answers before the daemon goes.
  virtual awaitable<Result<json>> shut_down(bool stop_agents) = 0;

  // ---- agents ----
  virtual awaitable<Result<Spawned>> spawn(json spec, std::string idempotency_key) = 0;
  virtual awaitable<Result<json>> agents(Page page) = 0;  ///< {agents: [...], nextCursor?}
  virtual awaitable<Result<json>> agent(std::string id) = 0;
  virtual awaitable<Result<json>> remove_agent(std::string id) = 0;
  /// `action`: restart, stop, kill, interrupt, compact, clear, inject, reconnect.
  virtual awaitable<Result<json>> act(std::string id, std::string action, json params) = 0;
  virtual awaitable<Result<json>> screen(std::string id) = 0;  ///< {lines, cursorX, cursorY, text}
  virtual awaitable<Result<json>> attach(std::string id) = 0;  ///< {tmuxSocket, target, detachKey}
  virtual awaitable<Result<json>> inbox(
      std::string id) = 0;  ///< an agent's or "operator"'s: {unread: [...], replies: [...]}
  virtual awaitable<Result<json>> turns(std::string id, Page page) = 0;
  virtual awaitable<Result<json>> workspace(std::string id) = 0;  ///< {cwd, messages}: where its files lie

  // ---- messages ----
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
  virtual awaitable<Result<json>> react(Principal who, std::int64_t id, std::string word) = 0;
  /// A person says whether `agent` (empty: the only one it is unknown at) took it. Errors: not_unknown, invalid
  /// (agent).
  virtual awaitable<Result<json>> settle(std::int64_t id, std::string agent, bool taken) = 0;
  /// Marks it read by the caller and returns it (operator: where it is for them).
  virtual awaitable<Result<json>> read(Principal who, std::int64_t id) = 0;
  virtual awaitable<Result<std::string>> body(Principal who, std::int64_t id) = 0;
  virtual awaitable<Result<json>> dead_letters() = 0;
  virtual awaitable<Result<json>> requeue(std::int64_t id) = 0;
  virtual awaitable<Result<json>> put_attachment(Principal who, std::string name, std::string media_type,
                                                 std::string bytes) = 0;
  /// An agent names the message that carries it, which it must be allowed to read; 0: none named.
  virtual awaitable<Result<std::string>> attachment(Principal who, std::string id, std::int64_t message) = 0;

  // ---- hooks ----
  /// `provider_session`: the AGENT_RELAY_PROVIDER_SESSION_ID the hook ran with; a call from an earlier provider
  /// process is refused (stale_provider_session).
  virtual awaitable<Result<json>> hook(Principal who, std::string event, std::string provider_session,
                                       json payload) = 0;
  /// A hook that asks a person (PermissionRequest): returns with the hook's answer, however long that takes. `call`
  /// is the same when the hook comes again.
  virtual awaitable<Result<json>> ask(Principal who, std::string provider_session, std::string call, json payload) = 0;
  /// That hook has hung up before its answer.
  virtual void ask_left(Principal const& who, std::string const& provider_session, std::string const& call) = 0;

  // ---- approvals ----
  virtual awaitable<Result<json>> approvals(Page page) = 0;  ///< {approvals: [...], nextCursor?}
  virtual awaitable<Result<json>> approval(std::int64_t id) = 0;
  /// `decision`: {decision, reason?, answer?, answers?}; `where` it was made: cli or http.
  virtual awaitable<Result<json>> decide(std::int64_t id, json decision, std::string where) = 0;

  // ---- events ----
  /// At most `limit` events after `cursor`, oldest first; `agent` empty: all. For one agent the cursor and order are
  /// its own numbers. Not found: an unknown agent.
  virtual awaitable<Result<std::vector<Event>>> events(std::string agent, std::int64_t cursor, int limit) = 0;
  /// The number of the last event; of one agent its own number, 0 when it has none.
  virtual std::int64_t last_event(std::string const& agent) const = 0;
  /// Returns when events after `cursor` exist (true) or at the deadline (false).
  virtual awaitable<bool> wait_events(std::string agent, std::int64_t cursor, Clock::time_point deadline) = 0;
};

}  // namespace ar::control
