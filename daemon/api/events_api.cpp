#include "daemon/api/events_api.hpp"

namespace ar::daemon {

awaitable<Result<std::vector<Event>>> EventsApi::events(std::string agent, std::int64_t cursor, int limit) {
  if (!agent.empty() && !log_.knows(agent)) {
    auto known = supervisor_.get(agent);
    if (!known) co_return known.error();
  }
  co_return co_await log_.page(std::move(agent), cursor, limit);
}

awaitable<bool> EventsApi::wait_events(std::string agent, std::int64_t cursor, Clock::time_point deadline) {
  co_return co_await log_.wait(std::move(agent), cursor, deadline);
}

}  // namespace ar::daemon
