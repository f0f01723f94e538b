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

}  // namespace ar::relay::embedded
