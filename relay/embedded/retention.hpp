// What happens on the bus by the passing of time alone: leases and delays end, commands expire, old messages
// go, and their senders are told of those that nobody read.
#pragma once
#include "relay/embedded/messages.hpp"

namespace ar::relay::embedded {

/// Does what is due, in one transaction, at most some hundred messages at a time. Returns the ids of
/// attachments whose files nobody needs any more.
std::vector<std::string> do_what_is_due(Database& db, BusLimits const& limits, Moment now, Changes& changes);
/// When something is due next, on the steady clock.
std::optional<WallTime> next_due(Database& db, BusLimits const& limits, Moment now);

}  // namespace ar::relay::embedded
