// The work that messages carry. As messages.hpp.
#pragma once
#include "relay/bus.hpp"
#include "relay/embedded/moment.hpp"

namespace ar {
class Database;
}

namespace ar::relay::embedded {

Result<Task> task(Database& db, std::int64_t id);
Result<Task> set_task(Database& db, BusLimits const& limits, Moment now, Task task);
/// Those that ended before the retention time.
void forget_old_tasks(Database& db, BusLimits const& limits, Moment now);

}  // namespace ar::relay::embedded
