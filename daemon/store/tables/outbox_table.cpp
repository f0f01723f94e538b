#include "daemon/store/tables/outbox_table.hpp"

namespace ar::daemon {
namespace {

/// Of rows with number, id, receiver, type, event, state, created_at, body.
OutboxTable::Entry entry_in(Statement const& row) {
  return {
      row.integer(0), row.text(1), row.text(2), row.text(3), row.integer(4), row.text(5), from_millis(row.integer(6)),
      row.text(7)};
}

}  // namespace

void OutboxTable::add(Entry const& entry) {
  db_.prepare(
         "INSERT INTO outbox(id, receiver, place, type, event, state, created_at, asked_at, bytes, body) "
         "SELECT ?1, id, (SELECT coalesce(max(place), 0) + 1 FROM outbox WHERE receiver = ?2), ?3, ?4, 'waiting', ?5, "
         "?5, "
         "?6, ?7 FROM receivers WHERE id = ?2")
      .bind(entry.id, entry.receiver, entry.type, entry.event, to_millis(entry.created_at),
            static_cast<std::int64_t>(entry.body.size()), entry.body)
      .run();
}

std::optional<OutboxTable::Entry> OutboxTable::first_waiting(std::string const& receiver) const {
  auto& row = db_.prepare(
                     "SELECT number, id, receiver, type, event, state, created_at, body FROM outbox "
                     "WHERE receiver = ?1 AND state = 'waiting' ORDER BY place LIMIT 1")
                  .bind(receiver);
  std::optional<Entry> entry;
  if (row.step()) entry = entry_in(row);
  row.reset();
  return entry;
}

std::map<std::string, OutboxTable::Size> OutboxTable::waiting() const {
  std::map<std::string, Size> all;
  auto& rows =
      db_.prepare("SELECT receiver, count(*), sum(bytes) FROM outbox WHERE state = 'waiting' GROUP BY receiver").bind();
  while (rows.step()) all[rows.text(0)] = {rows.integer(1), rows.integer(2)};
  return all;
}

void OutboxTable::note(std::int64_t number, Attempt const& attempt) {
  db_.prepare("INSERT INTO outbox_attempts(delivery, at, status, ms, error) VALUES(?1, ?2, ?3, ?4, ?5)")
      .bind(number, to_millis(attempt.at), attempt.status, attempt.ms, attempt.error)
      .run();
  db_.prepare(
         "DELETE FROM outbox_attempts WHERE delivery = ?1 AND number <= (SELECT number FROM outbox_attempts "
         "WHERE delivery = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)")
      .bind(number, kAttempts)
      .run();
}

void OutboxTable::settle(std::string const& receiver, std::int64_t number, char const* state) {
  db_.prepare("UPDATE outbox SET state = ?2 WHERE number = ?1").bind(number, state).run();
  drop_oldest(receiver);
}

OutboxTable::Size OutboxTable::give_up(std::string const& receiver, WallTime until) {
  auto& row = db_.prepare(
                     "SELECT count(*), coalesce(sum(bytes), 0) FROM outbox WHERE receiver = ?1 AND "
                     "state = 'waiting' AND asked_at <= ?2")
                  .bind(receiver, to_millis(until));
  Size size;
  if (row.step()) size = {row.integer(0), row.integer(1)};
  row.reset();
  db_.prepare("UPDATE outbox SET state = 'gave_up' WHERE receiver = ?1 AND state = 'waiting' AND asked_at <= ?2")
      .bind(receiver, to_millis(until))
      .run();
  drop_oldest(receiver);
  return size;
}

std::optional<OutboxTable::Size> OutboxTable::ask_again(std::string const& receiver, std::string const& id,
                                                        WallTime now) {
  auto& row = db_.prepare(
                     "UPDATE outbox SET state = 'waiting', asked_at = ?3, "
                     "place = (SELECT max(place) + 1 FROM outbox WHERE receiver = ?1) "
                     "WHERE receiver = ?1 AND id = ?2 AND state <> 'waiting' RETURNING bytes")
                  .bind(receiver, id, to_millis(now));
  std::optional<Size> size;
  while (row.step()) size = Size{1, row.integer(0)};
  return size;
}

std::optional<std::string> OutboxTable::state_of(std::string const& receiver, std::string const& id) const {
  auto& row = db_.prepare("SELECT state FROM outbox WHERE receiver = ?1 AND id = ?2").bind(receiver, id);
  std::optional<std::string> state;
  if (row.step()) state = row.text(0);
  row.reset();
  return state;
}

std::vector<OutboxTable::Entry> OutboxTable::page(std::string const& receiver, std::int64_t before, int limit) const {
  std::vector<Entry> found;
  auto& rows = db_.prepare(
                      "SELECT number, id, receiver, type, event, state, created_at, '' FROM outbox WHERE receiver = ?1 "
                      "AND (?2 = 0 OR number < ?2) ORDER BY number DESC LIMIT ?3")
                   .bind(receiver, before, limit);
  while (rows.step()) found.push_back(entry_in(rows));
  return found;
}

std::vector<OutboxTable::Attempt> OutboxTable::attempts(std::int64_t number) const {
  std::vector<Attempt> found;
  auto& rows =
      db_.prepare("SELECT at, status, ms, error FROM outbox_attempts WHERE delivery = ?1 ORDER BY number").bind(number);
  while (rows.step()) found.push_back({from_millis(rows.integer(0)), rows.integer(1), rows.integer(2), rows.text(3)});
  return found;
}

void OutboxTable::drop_oldest(std::string const& receiver) {
  db_.prepare(
         "DELETE FROM outbox WHERE receiver = ?1 AND state <> 'waiting' AND number <= (SELECT number FROM outbox "
         "WHERE receiver = ?1 AND state <> 'waiting' ORDER BY number DESC LIMIT 1 OFFSET ?2)")
      .bind(receiver, kKept)
      .run();
}

void OutboxTable::prune(Walk& walk, WallTime oldest) {
  db_.prepare(
         "DELETE FROM outbox WHERE number IN (SELECT number FROM outbox WHERE state <> 'waiting' AND created_at < ?1 "
         "LIMIT ?2)")
      .bind(to_millis(oldest), kBatch)
      .run();
  walk.done = db_.changes() < kBatch;
}

}  // namespace ar::daemon
