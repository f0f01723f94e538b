// What receivers outside are told, durably (docs/webhooks.md): it is in the journal with the change that it tells of,
// and is sent until the receiver has taken it, or has not for a day. Each receiver is told in order, one thing at a
// time. One that was told and whose daemon died before it wrote that down is told again, with the same id.
#pragma once
#include "base/async.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "daemon/outbox/receiver.hpp"
#include "daemon/outbox/sender.hpp"
#include "daemon/store/event_log.hpp"
#include "daemon/store/journal.hpp"
#include "daemon/store/tables/outbox_table.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

struct OutboxLimits {
  std::int64_t entries = 10'000, bytes = 8 << 20;  ///< that wait for one webhook
  std::size_t webhooks = 100, webhooks_of_agent = 10;
  std::int64_t callbacks = 10'000, callback_bytes = 256 << 20;  ///< that wait, of all sessions
};

/// From a failed attempt to the next: 1 s, 2 s, 4 s ... 1 h, a fifth more or less. `random`: in [0, 1).
Clock::duration retry_wait(int failures, double random);

/// io thread only.
class Outbox {
 public:
  /// `sender` outlives it. `random`: empty: a real one.
  Outbox(Executor executor, Journal& journal, EventLog& events, Sender& sender, OutboxLimits limits = {},
         Random random = {});
  ~Outbox();
  /// Reads what is still owed. From here on events are told to whoever wants them.
  awaitable<Result<void>> load();
  /// Begins to send. `on_death`: nothing is sent any more.
  void start(TaskGroup::OnDeath on_death);
  awaitable<void> stop();

  /// A new webhook, which the owner may have. Errors: too_many_webhooks; no_such_agent where its owner is gone.
  awaitable<Result<Receiver>> add(Receiver receiver);
  /// And what it is owed. Errors: no_such_webhook.
  awaitable<Result<void>> remove(std::string webhook);
  /// Something that is over is sent once more, as the last, and what waits before it at once. Errors: no_such_webhook,
  /// no_such_delivery, delivery_waiting.
  awaitable<Result<void>> redeliver(std::string webhook, std::string delivery);
  /// Null: there is no such webhook.
  Receiver const* webhook(std::string const& id) const;
  std::vector<Receiver const*> webhooks() const;
  std::int64_t waiting_for(std::string const& receiver) const;

  /// Tells the end of an agent's session. To be called with the change that it tells of, between two waits.
  void call_back(std::string owner, std::string agent, Callback const& callback, std::string type, json data);

  json shown() const;  ///< {waiting, failing, failingSince}

 private:
  struct Lane {
    Receiver receiver;
    OutboxTable::Size waiting{};
    Clock::time_point due{};
    bool busy = false;
    bool full = false, full_told = false;
  };
  Lane* find(std::string const& id);
  void put(Receiver receiver, OutboxTable::Size waiting);
  void erase(std::string const& id);
  Journal::Change tell(Event const& event, std::string_view type);
  bool has_room(Lane& lane, std::int64_t bytes);
  OutboxTable::Size waiting_callbacks() const;
  awaitable<void> run();
  void tell_of_full_ones();
  Clock::time_point start_due();
  awaitable<void> deliver(std::string id);
  awaitable<void> settle(std::string id, OutboxTable::Entry entry, OutboxTable::Attempt attempt);
  void announce(Receiver const& receiver, std::string const& problem, std::int64_t given_up);

  Journal& journal_;
  EventLog& events_;
  Sender& sender_;
  OutboxLimits const limits_;
  Random const random_;
  std::map<std::string, Lane> lanes_;  ///< by the receiver's id
  int sending_ = 0;
  AsyncMutex adding_;
  Notifier changed_;
  LogThrottle failures_;
  TaskGroup tasks_;
};

}  // namespace ar::daemon
