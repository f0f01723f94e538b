// One agent's face on the bus: registered, its status told, heartbeats sent, what is new fetched; gone when a command
// has ended it, and back when it runs again.
#pragma once
#include "base/async.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/delivery/work.hpp"
#include "daemon/services.hpp"
#include "model/message.hpp"

#include <cstdint>
#include <string>

namespace ar::daemon {

/// What it asks of its agent.
class PresenceHost {
 public:
  virtual ~PresenceHost() = default;
  virtual Identity identity() const = 0;
  virtual Work& work() = 0;
  virtual bool is_ready() const = 0;
  virtual json meta(bool registration) const = 0;
  virtual bool at_rest() const = 0;
  /// It is on the bus again.
  virtual void registered() = 0;
  virtual awaitable<Result<void>> fetch_unread() = 0;
  virtual bool wants_more() const = 0;
  virtual awaitable<Result<void>> fetch_more() = 0;
};

/// io thread only.
class BusPresence {
 public:
  BusPresence(Services& services, AgentSpec const& spec, AgentRecord const& record, PresenceHost& host);

  /// For as long as the agent is here: registers, publishes changes, sends heartbeats.
  awaitable<void> run();
  /// Something that is told may have changed.
  void publish();
  /// Returns when the bus has been told all that has changed so far, or cannot be told now, or at the deadline.
  awaitable<void> told(Clock::time_point deadline);
  /// For the next status, and for that one only.
  void set_timeline_event(json event) { timeline_event_ = std::move(event); }
  /// Returns when that is so (true) or at the deadline.
  awaitable<bool> changed(Clock::time_point deadline);
  /// At once, whatever is known of it.
  awaitable<Result<void>> register_now();
  /// The bus is another one.
  void register_again();
  /// A newer instance of it: takes the agent back from another daemon.
  void begin_anew();
  /// A command from the bus has ended it. Returns when the bus has heard, or it has been started again.
  awaitable<void> leave();
  bool has_left() const { return left_ && host_.at_rest(); }

 private:
  Presence presence() const;

  Services& services_;
  AgentSpec const& spec_;
  AgentRecord const& record_;
  PresenceHost& host_;
  Notifier changed_;
  Notifier told_changed_;
  std::uint64_t changes_ = 0, told_ = 0;  ///< how many there were, and how many of them have been dealt with
  std::string instance_id_;               ///< of this start of it: the newest has the agent
  json timeline_event_ = nullptr;
  bool registered_ = false;  ///< as this instance
  bool left_ = false;
};

}  // namespace ar::daemon
