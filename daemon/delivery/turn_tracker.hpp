// The turns of one agent's provider: which one runs, which messages it works on, and how each ended. Where nobody saw
// the end, the provider's record is asked (docs/delivery.md).
#pragma once
#include "adapters/provider_event.hpp"
#include "base/async.hpp"
#include "daemon/delivery/turn.hpp"
#include "daemon/delivery/work.hpp"
#include "daemon/services.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace ar::daemon {

/// What it tells and asks. Implemented by Agent, and by a scripted one in the tests.
class TurnHost {
 public:
  virtual ~TurnHost() = default;
  virtual std::int64_t next_turn_number() = 0;
  /// How it ended, by the provider's record; nothing: it has not, or nobody knows.
  virtual awaitable<std::optional<adapters::TurnEnded>> recorded_end(Turn turn) = 0;
  /// One has been opened or closed: the agent is busy, or idle.
  virtual void turn_changed(std::string reason) = 0;
  /// It has ended, and its messages with it.
  virtual void turn_over(Turn const& turn, adapters::TurnEnded const& end) = 0;
  virtual void work_changed() = 0;
  /// There is something for look_up().
  virtual void look_up_wanted() = 0;
};

/// io thread only.
class TurnTracker {
 public:
  /// The references are to parts of the same agent.
  TurnTracker(Services& services, std::string agent_id, Work& work, TurnHost& host);

  /// Null: none runs.
  Turn const* running() const { return turn_ ? &*turn_ : nullptr; }
  /// It may have ended while nobody watched: nothing is handed over before its record has been asked.
  bool end_is_doubtful() const { return end_unseen_; }

  /// A message of `store` was taken: the number of the turn that works on it.
  std::int64_t add(MessageId message, std::string const& store);
  /// It was taken by one that is over, and not by the one that runs.
  void take_out(MessageId message);
  /// That the turn which took a message has been found in the record, where its end would be.
  void doubt_end() { end_unseen_ = true; }
  /// One runs as far as the journal knows, it has no message, and nobody has seen it run since: a message that turns
  /// out to have been taken meanwhile was taken by it.
  bool is_unclaimed() const { return unclaimed_; }

  // What the provider says.
  void started(std::string const& store);
  void ended(adapters::TurnEnded const& end);
  /// Of the one that runs; nothing happens without one.
  void close(adapters::TurnEnded const& end, bool another_follows = false);

  /// Those that the journal has no end of, in their order: an earlier daemon has seen them. The newest of all may run
  /// still; how others ended the record is asked. `newest`: the number of the agent's last turn.
  void load(std::vector<Turn> running, std::int64_t newest);
  /// The one that was running, with these messages, by what is known of each; number 0: by that there is none.
  void take_up(Turn turn);
  /// Its process has been taken over. `another_runs`: it is busy, perhaps with the next turn.
  void adopted(bool another_runs, std::string const& store);

  /// It has ended, and how is being found out.
  bool is_over(std::int64_t number) const { return std::ranges::find(over_, number, &Turn::number) != over_.end(); }
  bool has_to_look_up() const { return !over_.empty() || (ask_record_ && turn_); }
  /// One question to the record; closes the turn that it was about when that has ended.
  awaitable<void> look_up(std::string store);
  // Once its process has ended: the same at once, for all of them that are over, and for the one that runs.
  awaitable<void> look_up_over();
  awaitable<void> look_up_running();
  /// When the provider has been at rest for a while, its turn's end was lost on the way. Says when to look again.
  Clock::time_point watch_rest(bool at_rest);

 private:
  void start(std::string const& store);
  void recall();
  void close(Turn turn, adapters::TurnEnded const& end);
  awaitable<void> look_up_first_over();
  void save(Turn const& turn);

  Services& services_;
  std::string const agent_id_;
  Work& work_;
  TurnHost& host_;
  std::optional<Turn> turn_;
  std::optional<Turn> stored_;  ///< the newest, by the journal, until the provider or its adoption tells more
  bool unclaimed_ = false;
  bool end_unseen_ = false;
  bool ask_record_ = false;    ///< whether it has ended
  bool another_runs_ = false;  ///< if it has, another one is running
  std::vector<Turn> over_;     ///< ended; how, the record is asked
  std::optional<Clock::time_point> at_rest_since_{};
};

}  // namespace ar::daemon
