#include "daemon/store/tables/event_table.hpp"

namespace ar::daemon {

void EventTable::add(Event const& event, WallTime at) {
  db_.prepare("INSERT INTO events(number, agent, agent_number, at, text) VALUES(?1, ?2, ?3, ?4, ?5)")
      .bind(event.number, event.agent, event.agent_number, to_millis(at), event.json_text)
      .run();
}

std::int64_t EventTable::last() const { return integer_of(db_, "SELECT coalesce(max(number), 0) FROM events"); }

std::int64_t EventTable::last_of(std::string const& agent) const {
  return integer_of(db_, "SELECT coalesce(max(agent_number), 0) FROM events WHERE agent = ?1 AND agent_number > 0",
                    agent);
}

std::unordered_map<std::string, std::int64_t> EventTable::last_of_agents() const {
  std::unordered_map<std::string, std::int64_t> found;
  auto& rows = db_.prepare("SELECT agent, max(agent_number) FROM events WHERE agent_number > 0 GROUP BY agent").bind();
  while (rows.step()) found[rows.text(0)] = rows.integer(1);
  return found;
}

std::vector<Event> EventTable::page(std::string const& agent, std::int64_t cursor, int limit) const {
  auto& rows = agent.empty() ? db_.prepare(
                                      "SELECT number, agent_number, agent, text FROM events WHERE number > ?1 "
                                      "ORDER BY number LIMIT ?2")
                                   .bind(cursor, limit)
                             : db_.prepare(
                                      "SELECT number, agent_number, agent, text FROM events WHERE agent = ?1 AND "
                                      "agent_number > ?2 AND agent_number > 0 ORDER BY agent_number LIMIT ?3")
                                   .bind(agent, cursor, limit);
  std::vector<Event> events;
  while (rows.step()) events.push_back({rows.integer(0), rows.integer(1), rows.text(2), rows.text(3)});
  return events;
}

void EventTable::each(std::string const& agent, std::function<void(Event const&, WallTime)> const& tell) const {
  auto& rows = db_.prepare(
                      "SELECT number, agent_number, text, at FROM events WHERE agent = ?1 AND agent_number > 0 "
                      "ORDER BY agent_number")
                   .bind(agent);
  while (rows.step()) tell({rows.integer(0), rows.integer(1), agent, rows.text(2)}, from_millis(rows.integer(3)));
}

/// Numbers below 0 are before the beginning of the log of all.
/// "agent_number > 0" here and above: else the index of an agent's events, which has only these, is not used.
bool EventTable::add_brought(Event event, WallTime at) {
  if (integer_of(db_, "SELECT count(*) FROM events WHERE agent = ?1 AND agent_number = ?2 AND agent_number > 0",
                 event.agent, event.agent_number) > 0)
    return false;
  event.number = integer_of(db_, "SELECT min(0, coalesce(min(number), 0)) - 1 FROM events");
  add(event, at);
  return true;
}

/// Numbers and times grow together, so the walk ends at the first event that stays for its age.
void EventTable::prune(Walk& walk, Kept kept) {
  db_.prepare("DELETE FROM events WHERE number IN (SELECT number FROM events WHERE number < 0 AND at < ?1 LIMIT ?2)")
      .bind(to_millis(kept.oldest), kBatch)
      .run();
  if (db_.changes() == kBatch) return;
  auto const last_number = last();
  struct Over {
    std::int64_t number, agent_number;
    std::string agent;
  };
  std::vector<Over> over;
  auto& rows =
      db_.prepare("SELECT number, agent_number, agent, at FROM events WHERE number > ?1 ORDER BY number LIMIT ?2")
          .bind(walk.after, kBatch);
  walk.done = true;
  while (rows.step()) {
    walk.after = rows.integer(0);
    bool const stays = from_millis(rows.integer(3)) >= kept.oldest && walk.after > last_number - kept.most;
    walk.done = walk.after == last_number || stays;
    if (walk.done) break;
    over.push_back({walk.after, rows.integer(1), rows.text(2)});
  }
  rows.reset();
  for (auto const& row : over) {
    bool const newest_of_agent =
        row.agent_number > 0 &&
        row.agent_number ==
            integer_of(db_, "SELECT max(agent_number) FROM events WHERE agent = ?1 AND agent_number > 0", row.agent) &&
        integer_of(db_, "SELECT count(*) FROM agents WHERE id = ?1", row.agent) > 0;
    if (!newest_of_agent) db_.prepare("DELETE FROM events WHERE number = ?1").bind(row.number).run();
  }
}

}  // namespace ar::daemon
