#include "daemon/store/tables/schedule_table.hpp"

#include "daemon/store/tables/kept_answer_table.hpp"

namespace ar::daemon {
namespace {

/// Of rows with id, owner, record, next_at, under_way, over_at.
ScheduleTable::Row row_in(Statement const& row) {
  auto const time = [&](int column) {
    auto const at = row.maybe_integer(column);
    return at ? std::optional(from_millis(*at)) : std::nullopt;
  };
  return {row.text(0), row.text(1), row.text(2), time(3), row.integer(4) == 1, time(5)};
}

std::vector<ScheduleTable::Row> rows_in(Statement& rows) {
  std::vector<ScheduleTable::Row> found;
  while (rows.step()) found.push_back(row_in(rows));
  return found;
}

std::vector<std::string> ids_in(Statement& rows) {
  std::vector<std::string> found;
  while (rows.step()) found.push_back(rows.text(0));
  return found;
}

std::optional<std::int64_t> stored(std::optional<WallTime> const& time) {
  return time ? std::optional(to_millis(*time)) : std::nullopt;
}

}  // namespace

void ScheduleTable::add(Row const& row, std::string const& what) {
  db_.prepare(
         "INSERT INTO schedules(id, owner, record, next_at, under_way, over_at, bytes, what) "
         "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
      .bind(row.id, row.owner, row.record, stored(row.next), row.under_way, stored(row.over),
            static_cast<std::int64_t>(what.size()), what)
      .run();
  erase_all(ids_in(db_.prepare("SELECT id FROM schedules WHERE over_at IS NOT NULL ORDER BY over_at DESC, id "
                               "LIMIT -1 OFFSET ?1")
                       .bind(kOverKept)));
}

void ScheduleTable::change(Row const& row) {
  db_.prepare("UPDATE schedules SET record = ?2, next_at = ?3, under_way = ?4, over_at = ?5 WHERE id = ?1")
      .bind(row.id, row.record, stored(row.next), row.under_way, stored(row.over))
      .run();
}

void ScheduleTable::erase(std::string const& id) { db_.prepare("DELETE FROM schedules WHERE id = ?1").bind(id).run(); }

void ScheduleTable::erase_owner(std::string const& owner) {
  erase_all(ids_in(db_.prepare("SELECT id FROM schedules WHERE owner = ?1").bind(owner)));
}

/// And what is kept of the requests that made them.
void ScheduleTable::erase_all(std::vector<std::string> const& ids) {
  auto const now = wall_now();
  for (auto const& id : ids) {
    erase(id);
    KeptAnswerTable(db_).gone("/v1/schedules/" + id, now);
  }
}

std::optional<ScheduleTable::Row> ScheduleTable::find(std::string const& id) const {
  auto& row =
      db_.prepare("SELECT id, owner, record, next_at, under_way, over_at FROM schedules WHERE id = ?1").bind(id);
  std::optional<Row> found;
  if (row.step()) found = row_in(row);
  row.reset();
  return found;
}

std::string ScheduleTable::what(std::string const& id) const {
  auto& row = db_.prepare("SELECT what FROM schedules WHERE id = ?1").bind(id);
  auto text = row.step() ? row.text(0) : std::string();
  row.reset();
  return text;
}

std::vector<ScheduleTable::Row> ScheduleTable::page(std::string const& owner, std::string const& after,
                                                    int limit) const {
  return rows_in(db_.prepare("SELECT id, owner, record, next_at, under_way, over_at FROM schedules "
                             "WHERE id > ?2 AND (?1 = '' OR owner = ?1) ORDER BY id LIMIT ?3")
                     .bind(owner, after, limit));
}

std::vector<ScheduleTable::Row> ScheduleTable::due(WallTime now, int limit) const {
  return rows_in(db_.prepare("SELECT id, owner, record, next_at, under_way, over_at FROM schedules "
                             "WHERE next_at <= ?1 ORDER BY next_at, id LIMIT ?2")
                     .bind(to_millis(now), limit));
}

std::vector<std::string> ScheduleTable::under_way() const {
  return ids_in(db_.prepare("SELECT id FROM schedules WHERE under_way = 1 ORDER BY id").bind());
}

std::optional<WallTime> ScheduleTable::next() const {
  auto& row = db_.prepare("SELECT min(next_at) FROM schedules").bind();
  auto const at = row.step() ? row.maybe_integer(0) : std::nullopt;
  row.reset();
  return at ? std::optional(from_millis(*at)) : std::nullopt;
}

ScheduleTable::Size ScheduleTable::size_of(std::string const& owner) const {
  auto& row =
      db_.prepare(
             "SELECT count(*) FILTER (WHERE over_at IS NULL), coalesce(sum(bytes) FILTER (WHERE over_at IS NULL), 0) "
             "FROM schedules "
             "WHERE ?1 = '' OR owner = ?1")
          .bind(owner);
  auto const size = row.step() ? Size{row.integer(0), row.integer(1)} : Size{};
  row.reset();
  return size;
}

void ScheduleTable::prune(Walk& walk, WallTime oldest) {
  auto const old =
      ids_in(db_.prepare("SELECT id FROM schedules WHERE over_at < ?1 LIMIT ?2").bind(to_millis(oldest), kBatch));
  erase_all(old);
  walk.done = std::cmp_less(old.size(), kBatch);
}

}  // namespace ar::daemon
