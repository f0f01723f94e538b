#include "daemon/store/tables/event_table.hpp"

#include "base/ids.hpp"
#include "base/json.hpp"

namespace ar::daemon {
namespace {

std::string link_to(std::string const& previous, std::string const& text) { return sha256_hex(previous + text); }

}  // namespace

void EventTable::add(Event const& event, WallTime at) {
  db_.prepare("INSERT INTO events(number, agent, agent_number, at, text, chain) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")
      .bind(event.number, event.agent, event.agent_number, to_millis(at), event.json_text,
            link_to(chain_of(event.number - 1), event.json_text))
      .run();
}

/// Empty: there is no such event, or it has none.
std::string EventTable::chain_of(std::int64_t number) const {
  auto& row = db_.prepare("SELECT coalesce(chain, '') FROM events WHERE number = ?1").bind(number);
  auto found = row.step() ? row.text(0) : std::string();
  row.reset();
  return found;
}

std::optional<ChainedEvent> EventTable::chained(std::int64_t number) const {
  auto& row = db_.prepare("SELECT text, coalesce(chain, '') FROM events WHERE number = ?1").bind(number);
  if (!row.step()) return std::nullopt;
  ChainedEvent found{row.text(0), row.text(1), {}};
  row.reset();
  found.previous = chain_of(number - 1);
  return found;
}

std::int64_t EventTable::about_message(std::string const& agent, std::string const& type, std::int64_t message) const {
  auto& rows = db_.prepare(
                      "SELECT number, text FROM events WHERE agent = ?1 AND agent_number > 0 AND text LIKE ?2 "
                      "ORDER BY agent_number DESC")
                   .bind(agent, "%\"type\":\"" + type + "\"%");
  std::int64_t found = 0;
  while (found == 0 && rows.step()) {
    auto const event = parse_object(rows.text(1));
    if (event && object_at(*event, "data").value("message", json()) == message) found = rows.integer(0);
  }
  rows.reset();
  return found;
}

bool EventTable::check_chain(ChainCheck& progress, int limit) const {
  auto& rows =
      db_.prepare("SELECT number, text, coalesce(chain, '') FROM events WHERE number > ?1 ORDER BY number LIMIT ?2")
          .bind(progress.last, limit);
  bool at_end = true;
  while (rows.step()) {
    at_end = false;
    auto const number = rows.integer(0);
    auto const chain = rows.text(2);
    bool const follows_kept = progress.last == number - 1 && progress.last > 0;
    if (chain.empty() || (!follows_kept && number > 1))
      ++progress.unchained;
    else if (chain == link_to(follows_kept ? progress.head : std::string(), rows.text(1)))
      ++progress.checked;
    else if (progress.broken == 0)
      progress.broken = number;
    if (progress.first == 0) progress.first = number;
    progress.last = number;
    progress.head = chain;
  }
  rows.reset();
  return at_end;
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
