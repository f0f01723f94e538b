// What daemons keep for each other, by key. As messages.hpp.
#pragma once
#include "relay/bus.hpp"
#include "relay/embedded/moment.hpp"

namespace ar {
class Database;
}

namespace ar::relay::embedded {

Result<std::vector<Note>> notes(Database& db);
Result<Note> put_note(Database& db, Moment now, std::string const& key, std::string const& text, std::int64_t revision);

/// Inside a transaction of the caller's: those that nobody has changed for the retention time.
void forget_old_notes(Database& db, BusLimits const& limits, Moment now);

}  // namespace ar::relay::embedded
