#include "daemon/api/events_api.hpp"

namespace ar::daemon {

awaitable<Result<std::vector<Event>>> EventsApi::events(std::string agent, std::int64_t cursor, int limit) {
  if (!agent.empty() && !log_.knows(agent)) {
    auto known = supervisor_.get(agent);
    if (!known) co_return known.error();
  }
  co_return co_await log_.page(std::move(agent), cursor, limit);
}

awaitable<Result<json>> EventsApi::check_log() {
  auto const checked = co_await log_.check_chain();
  if (!checked) co_return checked.error();
  json shown = {{"first", checked->first},         {"last", checked->last}, {"checked", checked->checked},
                {"unchained", checked->unchained}, {"broken", nullptr},     {"head", checked->head}};
  if (checked->broken > 0) shown["broken"] = checked->broken;
  co_return ok(std::move(shown));
}

awaitable<bool> EventsApi::wait_events(std::string agent, std::int64_t cursor, Clock::time_point deadline) {
  co_return co_await log_.wait(std::move(agent), cursor, deadline);
}

}  // namespace ar::daemon
