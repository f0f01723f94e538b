// Leases on claimable messages and the dead letters they may become. As messages.hpp.
#pragma once
#include "relay/embedded/messages.hpp"

namespace ar::relay::embedded {

Result<Claim> claim(Database& db, BusLimits const& limits, Moment now, MessageId id, std::string const& agent_id);
Result<Claim> renew(Database& db, BusLimits const& limits, Moment now, MessageId id, std::string const& token);
Result<void> release(Database& db, BusLimits const& limits, Moment now, MessageId id, std::string const& token,
                     milliseconds delay, Tried tried, Changes& changes);
Result<void> finish(Database& db, Moment now, MessageId id, std::string const& token);
Result<std::vector<DeadLetter>> dead_letters(Database& db);
Result<void> requeue(Database& db, Moment now, MessageId id, Changes& changes);

// ---- inside a transaction of the caller's ----
/// Ends the leases and delays whose time has come; what became claimable goes into `changes`.
void end_due_leases(Database& db, BusLimits const& limits, Moment now, Changes& changes);
/// After opening: a clock that was set back while the bus was closed must not make a lease longer than a
/// lease.
void shorten_leases(Database& db, BusLimits const& limits, Moment now);
void make_dead(Database& db, Moment now, MessageId id, char const* reason);

}  // namespace ar::relay::embedded
