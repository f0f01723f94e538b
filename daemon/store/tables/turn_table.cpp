#include "daemon/store/tables/turn_table.hpp"

#include "base/json.hpp"

namespace ar::daemon {
namespace {

/// When it ended, or began; a damaged one is from long ago.
WallTime time_of(std::string const& record) {
  auto const turn = parse_object(record);
  auto const text = turn ? text_at(*turn, turn->contains("endedAt") ? "endedAt" : "startedAt") : std::string();
  return from_iso8601(text).value_or(WallTime());
}

}  // namespace

void TurnTable::put(std::string const& agent, std::int64_t number, std::string const& record) {
  db_.prepare(
         "INSERT INTO turns(agent, number, record) VALUES(?1, ?2, ?3) "
         "ON CONFLICT(agent, number) DO UPDATE SET record = ?3")
      .bind(agent, number, record)
      .run();
}

bool TurnTable::add(std::string const& agent, std::int64_t number, std::string const& record) {
  db_.prepare("INSERT OR IGNORE INTO turns(agent, number, record) VALUES(?1, ?2, ?3)")
      .bind(agent, number, record)
      .run();
  return db_.changes() > 0;
}

void TurnTable::amend(std::string const& agent, std::int64_t number, json const& known) {
  auto const rows = page(agent, number + 1, 1);
  if (rows.empty() || rows.front().first != number) return;
  auto stored = parse_object(rows.front().second);
  if (!stored) return;
  stored->update(known);
  put(agent, number, to_text(*stored));
}

void TurnTable::erase_agent(std::string const& agent) {
  db_.prepare("DELETE FROM turns WHERE agent = ?1").bind(agent).run();
}

std::vector<Record> TurnTable::page(std::string const& agent, std::int64_t before, int limit) const {
  std::vector<Record> found;
  auto& rows = db_.prepare(
                      "SELECT number, record FROM turns WHERE agent = ?1 AND (?2 = 0 OR number < ?2) "
                      "ORDER BY number DESC LIMIT ?3")
                   .bind(agent, before, limit);
  while (rows.step()) found.emplace_back(rows.integer(0), rows.text(1));
  return found;
}

std::vector<std::int64_t> TurnTable::at(std::string const& agent, std::vector<WallTime> const& times) const {
  std::vector<std::int64_t> found;
  // Without an end: it runs.
  auto& rows = db_.prepare(
                      "SELECT number, CASE WHEN json_valid(record) THEN json_extract(record, '$.endedAt') ELSE '' END "
                      "FROM turns WHERE agent = ?1 ORDER BY number DESC")
                   .bind(agent);
  std::int64_t number = 0;  // of the turn before which it looks
  bool more = rows.step();
  for (auto const& time : times) {
    for (; more; more = rows.step()) {
      if (!rows.is_null(1) && from_iso8601(rows.text(1)).value_or(WallTime()) < time) break;
      number = rows.integer(0);
    }
    found.push_back(number);
  }
  rows.reset();
  return found;
}

void TurnTable::each(std::string const& agent, std::function<void(Record const&)> const& tell) const {
  auto& rows = db_.prepare("SELECT number, record FROM turns WHERE agent = ?1 ORDER BY number").bind(agent);
  while (rows.step()) tell({rows.integer(0), rows.text(1)});
}

std::vector<Record> TurnTable::running(std::string const& agent) const {
  std::vector<Record> found;
  // The text of one that has ended may say the same.
  auto& rows = db_.prepare(
                      "SELECT number, record FROM turns WHERE agent = ?1 "
                      "AND record LIKE '%\"status\":\"running\"%' ORDER BY number")
                   .bind(agent);
  while (rows.step()) {
    auto const turn = parse_object(rows.text(1));
    if (turn && text_at(*turn, "status") == "running") found.emplace_back(rows.integer(0), rows.text(1));
  }
  return found;
}

std::set<MessageId> TurnTable::messages_of_running(std::string const& agent) const {
  std::set<MessageId> found;
  for (auto const& [number, record] : running(agent)) {
    auto const turn = parse_object(record);
    if (!turn->contains("messages") || !turn->at("messages").is_array()) continue;
    for (auto const& id : turn->at("messages"))
      if (id.is_number_integer()) found.insert(id.get<MessageId>());
  }
  return found;
}

std::int64_t TurnTable::newest(std::string const& agent) const {
  return integer_of(db_, "SELECT coalesce(max(number), 0) FROM turns WHERE agent = ?1", agent);
}

void TurnTable::prune(std::string const& agent, Walk& walk, Kept kept) {
  auto const last = newest(agent);
  std::vector<std::int64_t> over;
  auto& rows = db_.prepare(
                      "SELECT number, record FROM turns WHERE agent = ?1 AND number > ?2 AND number < ?3 "
                      "ORDER BY number LIMIT ?4")
                   .bind(agent, walk.after, last, kBatch);
  walk.done = true;
  while (rows.step()) {
    walk.after = rows.integer(0);
    walk.done = walk.after > last - kept.most && time_of(rows.text(1)) >= kept.oldest;
    if (walk.done) break;
    over.push_back(walk.after);
  }
  rows.reset();
  for (auto const number : over)
    db_.prepare("DELETE FROM turns WHERE agent = ?1 AND number = ?2").bind(agent, number).run();
}

}  // namespace ar::daemon
