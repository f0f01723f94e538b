// Whether the running turn of one agent stands still (docs/overload.md): its provider says nothing, and nothing that
// runs because of it uses the processor, reads, writes or has the network for a while. A turn that waits for a person,
// or for a tool that works, does not.
#pragma once
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/process/process_activity.hpp"
#include "daemon/agent/agent_process.hpp"
#include "daemon/agent/agent_provider.hpp"
#include "daemon/agent/agent_spec.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/delivery/turn_tracker.hpp"
#include "daemon/services.hpp"

#include <functional>
#include <optional>
#include <string>

namespace ar::daemon {

/// io thread only.
class StallWatch {
 public:
  /// Of the same agent; they outlive it.
  struct Parts {
    Services& services;
    AgentSpec const& spec;
    AgentRecord const& record;
    AgentState const& state;
    AgentProvider const& provider;
    AgentProcess const& process;
    TurnTracker const& turns;
  };
  /// Ends the turn by this verb, interrupt or restart; `why` is for people.
  using End = std::function<awaitable<Result<json>>(std::int64_t turn, std::string verb, std::string why)>;
  StallWatch(Parts parts, End end);

  /// The provider has said something.
  void heard();
  /// It waits here for what becomes of a message, or not any more: each wait is told twice.
  void waits_for_message(bool whether);
  /// A turn has begun or is over, or its agent is in another state.
  void look_again() { changed_.notify_all(); }
  /// For as long as the agent is here; vital.
  awaitable<void> run();
  /// {turn, since}; null: no turn stands still.
  json shown() const;

 private:
  struct Stall {
    std::int64_t turn = 0;
    WallTime since{};  ///< of the last sign of life
  };
  milliseconds limit() const;
  std::string at_stall() const;
  bool may_stall() const;
  awaitable<void> look(Turn turn);
  awaitable<void> tell(Turn turn);
  void moves();

  Parts const parts_;
  End const end_;
  std::int64_t turn_ = 0;                    ///< the one that is watched
  Clock::time_point last_sign_{};            ///< of life
  std::optional<ProcessActivity> before_{};  ///< as it was then; nothing: nobody has looked since
  std::optional<Stall> stall_{};
  int waits_ = 0;  ///< for messages
  Notifier changed_;
};

}  // namespace ar::daemon
