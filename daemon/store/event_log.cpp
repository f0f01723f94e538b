#include "daemon/store/event_log.hpp"

#include "base/words.hpp"
#include "daemon/store/tables/event_table.hpp"
#include "model/event_type.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace ar::daemon {
namespace {

/// Programs build on event_types(): what is not in there is a fault of ours.
void check_type(std::string const& type, json const& data) {
  auto const* const known = find_event_type(type);
  if (!known) {
    spdlog::error("bug: the event {} is of no known type", type);
    return;
  }
  if (known->data == "*") return;
  for (auto const& [field, value] : data.items())
    if (!has_word(known->data, field)) spdlog::error("bug: the event {} has the unknown field {}", type, field);
}

}  // namespace

EventLog::EventLog(Executor executor, Journal& journal) : journal_(journal), grown_(std::move(executor)) {}

awaitable<Result<void>> EventLog::load() {
  struct Ends {
    std::int64_t last = 0;
    std::unordered_map<std::string, Numbers> agents;
  };
  auto query = [](Database& db) -> Result<Ends> {
    EventTable const table(db);
    Ends ends{table.last(), {}};
    for (auto const& [agent, number] : table.last_of_agents()) ends.agents[agent] = {number, number};
    return ends;
  };
  auto ends = co_await journal_.read(std::move(query));
  if (!ends) co_return ends.error();
  assigned_ = visible_ = ends->last;
  agents_ = std::move(ends->agents);
  co_return Result<void>();
}

void EventLog::append(std::string const& agent, std::string type, json data) {
  check_type(type, data);
  Event event;
  event.number = ++assigned_;
  event.agent = agent;
  event.agent_number = agent.empty() ? 0 : ++agents_[agent].assigned;
  auto const at = wall_now();
  json const whole = {{"number", event.number}, {"agentNumber", event.agent_number},
                      {"agent", agent},         {"type", type},
                      {"at", to_iso8601(at)},   {"data", std::move(data)}};
  event.json_text = to_text(whole);
  auto also = teller_ ? teller_(event, type) : Journal::Change();
  bool const others_are_told = static_cast<bool>(also);
  auto change = [event, at, also = std::move(also)](Database& db) {
    EventTable(db).add(event, at);
    if (also) also(db);
  };
  auto after = [this, event, others_are_told] {
    visible_ = event.number;
    if (event.agent_number > 0) agents_[event.agent].visible = event.agent_number;
    recent_.push_back(event);
    if (recent_.size() > kRecent) recent_.pop_front();
    grown_.notify_all();
    if (others_are_told && told_) told_();
  };
  journal_.write(std::move(change), std::move(after));
}

awaitable<Result<std::vector<Event>>> EventLog::page(std::string agent, std::int64_t cursor, int limit) {
  std::vector<Event> found;
  auto const number_of = [&](Event const& e) { return agent.empty() ? e.number : e.agent_number; };
  auto const numbers = agents_.find(agent);
  bool const brought = numbers != agents_.end() && numbers->second.brought;
  bool const in_memory = !recent_.empty() && ((recent_.front().number == 1 && !brought) ||
                                              (agent.empty() && recent_.front().number <= cursor + 1));
  bool const at_end = !agent.empty() && (numbers == agents_.end() || cursor >= numbers->second.visible);
  if (in_memory || at_end) {
    // Numbers only grow, so the place of the cursor can be searched for in the whole log.
    auto it = agent.empty() ? std::ranges::upper_bound(recent_, cursor, {}, &Event::number) : recent_.begin();
    for (; it != recent_.end() && static_cast<int>(found.size()) < limit; ++it)
      if ((agent.empty() || it->agent == agent) && number_of(*it) > cursor) found.push_back(*it);
    co_return found;
  }
  auto query = [agent, cursor, limit](Database& db) -> Result<std::vector<Event>> {
    return EventTable(db).page(agent, cursor, limit);
  };
  co_return co_await journal_.read(std::move(query));
}

awaitable<Result<ChainCheck>> EventLog::check_chain() {
  constexpr int kStep = 1000;
  ChainCheck progress;
  for (bool at_end = false; !at_end;) {
    auto step = [progress](Database& db) -> Result<std::pair<ChainCheck, bool>> {
      auto next = progress;
      bool const is_last = EventTable(db).check_chain(next, kStep);
      return std::pair(std::move(next), is_last);
    };
    auto done = co_await journal_.read(std::move(step));
    if (!done) co_return done.error();
    progress = std::move(done->first);
    at_end = done->second;
  }
  co_return progress;
}

void EventLog::go_on(std::string const& agent, std::int64_t last) {
  if (!knows(agent)) agents_[agent] = {last, last, true};
}

std::int64_t EventLog::last(std::string const& agent) const {
  if (agent.empty()) return visible_;
  auto const it = agents_.find(agent);
  return it == agents_.end() ? 0 : it->second.visible;
}

awaitable<bool> EventLog::wait(std::string agent, std::int64_t cursor, Clock::time_point deadline) {
  auto const there = [&] { return last(agent) > cursor; };
  bool in_time = true;
  while (in_time && !there()) in_time = co_await grown_.wait(deadline);
  co_return there();
}

}  // namespace ar::daemon
