// A schedule: when something is to be sent or spawned, and how it has gone so far (docs/schedules.md). What is to be
// done lies beside it in the journal. Plain values and pure decisions.
#pragma once
#include "daemon/schedule/timing.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ar::daemon {

/// What may be done with due times that were missed: nothing, or one of them late.
inline constexpr std::string_view kMissedPolicies = "once skip";
/// What a schedule can do; each is the field of a request that says how.
inline constexpr std::string_view kScheduledWork = "message agent session";
/// How long after its due time something may still be begun without being late: a restart of the daemon is shorter.
inline constexpr milliseconds kOnTime = std::chrono::minutes(1);

/// A due time that is being carried out, or was.
struct Firing {
  std::string key{};  ///< what makes it the same when it is done again after a crash
  WallTime due{};     ///< of one by hand: when it was asked for
  WallTime begun{};
  bool late = false, by_hand = false;
};

struct Schedule {
  std::string id;
  std::string owner;   ///< operator, or the agent with whose right it is done and with which it goes
  std::string name{};  ///< for people; empty: none
  std::string does;    ///< of kScheduledWork
  std::string to{};    ///< the address of a message, the name of what is spawned; empty: one that is free then
  std::string text{};  ///< the beginning of what is said
  Timing timing{};
  bool skips_missed = false;
  bool paused = false;
  WallTime created_at{};
  std::optional<WallTime> next{};  ///< nothing: it is paused, or not due any more
  std::optional<Firing> firing{};  ///< under way
  std::int64_t done = 0;           ///< due times that were carried out
  json last = nullptr;             ///< {dueAt, at, outcome, late, byHand, message?, agent?, reason?}

  bool is_over() const { return !next && !paused && !firing; }
};

json to_journal(Schedule const& schedule);
/// Throws json's exceptions on another shape.
Schedule schedule_from_journal(std::string id, std::string owner, json const& kept);
/// As the API shows it.
json to_public(Schedule const& schedule);

/// What of a schedule whose time has come was missed.
struct Missed {
  WallTime since, until;    ///< the first and the last due time that are not done at their time
  bool is_made_up = false;  ///< the last of them is done late
};

/// Its `next` is not after `now`: what is to be done about it is begun (`firing`) or left out, and `next` goes on. Of
/// due times that were missed the last one alone is left, and is done late unless they are to be skipped.
std::optional<Missed> take_due(Schedule& schedule, WallTime now);
/// Begins it once more, whatever its times are. There is no other one under way.
void take_by_hand(Schedule& schedule, WallTime now, std::string key);
/// What became of it: `outcome` is done or failed, `more` are further fields of `last`.
void settle(Schedule& schedule, std::string_view outcome, WallTime now, json const& more);
/// False: nothing has changed. Due times that pass while it is paused are not missed.
bool set_paused(Schedule& schedule, bool paused, WallTime now);

}  // namespace ar::daemon
