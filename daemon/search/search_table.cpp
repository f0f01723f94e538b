#include "daemon/search/search_table.hpp"

#include "base/json.hpp"
#include "base/unicode.hpp"
#include "daemon/store/tables/table.hpp"

#include <algorithm>

namespace ar::daemon {
namespace {

/// The index can be made again from its sources: a migration may drop what there is.
constexpr char const* kMigrations[] = {R"sql(
CREATE TABLE sources(
  id INTEGER PRIMARY KEY,
  owner TEXT NOT NULL,              -- an agent in one of its lives; empty: the bus
  name TEXT NOT NULL,               -- the file of a conversation; the store of a bus
  conversation TEXT NOT NULL,
  cursor INTEGER NOT NULL,          -- what is before it has been read
  UNIQUE(owner, name)
) STRICT;
CREATE TABLE rows(
  id INTEGER PRIMARY KEY,           -- ms since 1970, times 2^20, and a number: the order of ids is that of times
  source INTEGER NOT NULL,
  owner TEXT NOT NULL,
  seq INTEGER NOT NULL,
  role TEXT NOT NULL,
  sender TEXT NOT NULL,
  recipient TEXT NOT NULL,
  bytes INTEGER NOT NULL,           -- of the text
  text TEXT NOT NULL
) STRICT;
CREATE INDEX rows_owner ON rows(owner, id);
CREATE INDEX rows_message ON rows(seq) WHERE owner = '';
CREATE TABLE sizes(                 -- so that a bound is not a count of all
  owner TEXT PRIMARY KEY,
  rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(text, content='rows', content_rowid='id',
                                      tokenize='unicode61 remove_diacritics 2');
CREATE TRIGGER row_added AFTER INSERT ON rows BEGIN
  INSERT INTO words(rowid, text) VALUES(new.id, new.text);
  INSERT INTO sizes(owner, rows, bytes) VALUES(new.owner, 1, new.bytes)
    ON CONFLICT(owner) DO UPDATE SET rows = rows + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER row_removed AFTER DELETE ON rows BEGIN
  INSERT INTO words(words, rowid, text) VALUES('delete', old.id, old.text);
  UPDATE sizes SET rows = rows - 1, bytes = bytes - old.bytes WHERE owner = old.owner;
  DELETE FROM sizes WHERE owner = old.owner AND rows = 0;
END;
)sql"};

constexpr std::int64_t kIdsOfMoment = std::int64_t{1} << 20;  ///< more than the index has rows

std::int64_t first_id_at(WallTime at) {
  return std::clamp<std::int64_t>(to_millis(at), 0, std::int64_t{1} << 42) * kIdsOfMoment;
}

// Around what was found, while it is looked for: searchable() leaves no such character in a text.
constexpr char kBegin = '\x02', kEnd = '\x03';
constexpr std::string_view kBeginShown = "⟦", kEndShown = "⟧";

/// Of a snippet; a word may be very long.
constexpr std::size_t kMostSnippet = 1000;

/// With the marks that are shown, which nothing else in it looks like.
std::string shown(std::string const& snippet) {
  std::string text;
  for (std::string_view left = snippet; !left.empty();) {
    bool const begin = left.starts_with(kBeginShown);
    if (begin || left.starts_with(kEndShown)) {
      text += begin ? '[' : ']';
      left.remove_prefix(kBeginShown.size());
      continue;
    }
    if (left.front() == kBegin)
      text += kBeginShown;
    else if (left.front() == kEnd)
      text += kEndShown;
    else
      text += left.front();
    left.remove_prefix(1);
  }
  if (text.size() <= kMostSnippet) return text;
  text.resize(cut_utf8(text, kMostSnippet).size());
  bool const is_open =
      text.rfind(kBeginShown) != text.npos && text.find(kEndShown, text.rfind(kBeginShown)) == text.npos;
  return text + (is_open ? "…⟧" : "…");
}

}  // namespace

std::span<char const* const> search_migrations() { return kMigrations; }

SearchTable::Source SearchTable::source(std::string const& owner, std::string const& name,
                                        std::string const& conversation) {
  auto& row = db_.prepare("SELECT id, cursor FROM sources WHERE owner = ?1 AND name = ?2").bind(owner, name);
  bool const known = row.step();
  Source const found = known ? Source{row.integer(0), row.integer(1)} : Source{};
  row.reset();
  if (known) return found;
  db_.prepare("INSERT INTO sources(owner, name, conversation, cursor) VALUES(?1, ?2, ?3, 0)")
      .bind(owner, name, conversation)
      .run();
  return {db_.last_insert_id(), 0};
}

void SearchTable::move_cursor(Source const& source, std::int64_t cursor) {
  db_.prepare("UPDATE sources SET cursor = ?2 WHERE id = ?1").bind(source.id, cursor).run();
}

void SearchTable::add(Source const& source, Row const& row) {
  auto const first = first_id_at(row.at);
  auto const id = integer_of(db_, "SELECT coalesce(max(id) + 1, ?1) FROM rows WHERE id >= ?1 AND id < ?2", first,
                             first + kIdsOfMoment);
  db_.prepare(
         "INSERT OR IGNORE INTO rows(id, source, owner, seq, role, sender, recipient, bytes, text) "
         "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
      .bind(id, source.id, row.owner, row.seq, row.role, row.sender, row.recipient,
            static_cast<std::int64_t>(row.text.size()), row.text)
      .run();
}

std::vector<std::string> SearchTable::owners() const {
  std::vector<std::string> found;
  auto& rows = db_.prepare("SELECT DISTINCT owner FROM sources").bind();
  while (rows.step()) found.push_back(rows.text(0));
  return found;
}

bool SearchTable::forget_owner(std::string const& owner) {
  db_.prepare("DELETE FROM rows WHERE id IN (SELECT id FROM rows WHERE owner = ?1 LIMIT ?2)").bind(owner, kBatch).run();
  if (db_.changes() > 0) return true;
  db_.prepare("DELETE FROM sources WHERE owner = ?1").bind(owner).run();
  return false;
}

bool SearchTable::forget_other_stores(std::string const& store) {
  auto const other = integer_of(db_, "SELECT id FROM sources WHERE owner = '' AND name <> ?1 LIMIT 1", store);
  if (other == 0) return false;
  db_.prepare("DELETE FROM rows WHERE id IN (SELECT id FROM rows WHERE owner = '' AND source = ?1 LIMIT ?2)")
      .bind(other, kBatch)
      .run();
  if (db_.changes() == 0) db_.prepare("DELETE FROM sources WHERE id = ?1").bind(other).run();
  return true;
}

bool SearchTable::forget_messages_outside(std::int64_t first, std::int64_t last) {
  db_.prepare(
         "DELETE FROM rows WHERE id IN (SELECT id FROM rows WHERE owner = '' AND seq < ?1 "
         "UNION ALL SELECT id FROM rows WHERE owner = '' AND seq > ?2 LIMIT ?3)")
      .bind(first, last, kBatch)
      .run();
  return db_.changes() > 0;
}

bool SearchTable::forget_oldest(std::string const& owner, std::int64_t most_rows, std::int64_t most_bytes) {
  auto& size = db_.prepare("SELECT total(rows), total(bytes) FROM sizes WHERE ?1 = '' OR owner = ?1").bind(owner);
  (void)size.step();
  auto const rows = size.integer(0), bytes = size.integer(1);
  size.reset();
  if (rows <= most_rows && bytes <= most_bytes) return false;
  // Some more than must go: else each row that comes would remove one.
  auto const count = std::min<std::int64_t>(std::max(rows - most_rows, std::int64_t{0}) + rows / 50 + 1, kBatch);
  if (owner.empty())
    db_.prepare("DELETE FROM rows WHERE id IN (SELECT id FROM rows ORDER BY id LIMIT ?1)").bind(count).run();
  else
    db_.prepare("DELETE FROM rows WHERE id IN (SELECT id FROM rows WHERE owner = ?1 ORDER BY id LIMIT ?2)")
        .bind(owner, count)
        .run();
  return true;
}

bool SearchTable::prune(SearchLimits const& limits) {
  db_.prepare("DELETE FROM rows WHERE id IN (SELECT id FROM rows WHERE id < ?1 ORDER BY id LIMIT ?2)")
      .bind(first_id_at(limits.oldest), kBatch)
      .run();
  if (db_.changes() > 0) return true;
  auto& row = db_.prepare("SELECT owner FROM sizes WHERE owner <> '' AND (rows > ?1 OR bytes > ?2) LIMIT 1")
                  .bind(limits.agent_rows, limits.agent_bytes);
  auto const large = row.step() ? row.text(0) : std::string();
  row.reset();
  if (!large.empty()) return forget_oldest(large, limits.agent_rows, limits.agent_bytes);
  return forget_oldest("", limits.rows, limits.bytes);
}

std::vector<SearchTable::Hit> SearchTable::find(Query const& query) const {
  constexpr auto kAll = std::numeric_limits<std::int64_t>::max();
  // The words first, from the newest row down: it ends as soon as the page is full.
  auto& rows =
      db_.prepare(
             "SELECT rows.id, rows.owner, rows.seq, rows.role, rows.sender, rows.recipient, sources.conversation, "
             "  snippet(words, 0, char(2), char(3), '…', 24) "
             "FROM words CROSS JOIN rows ON rows.id = words.rowid LEFT JOIN sources ON sources.id = rows.source "
             "WHERE words MATCH ?1 AND words.rowid >= ?2 AND words.rowid < ?3 "
             "  AND (?4 = '' OR rows.owner = ?4 OR (rows.owner = '' AND "
             "    (rows.sender = ?5 OR rows.recipient IN (SELECT value FROM json_each(?6))))) "
             "ORDER BY words.rowid DESC LIMIT ?7")
          .bind(query.expression, first_id_at(query.since), query.before > 0 ? query.before : kAll, query.owner,
                query.agent, json(query.addresses).dump(), query.limit);
  std::vector<Hit> found;
  while (rows.step()) {
    Hit hit;
    hit.id = rows.integer(0);
    hit.at = from_millis(hit.id / kIdsOfMoment);
    hit.owner = rows.text(1);
    hit.seq = rows.integer(2);
    hit.role = rows.text(3);
    hit.sender = rows.text(4);
    hit.recipient = rows.text(5);
    hit.conversation = rows.text(6);
    hit.snippet = shown(rows.text(7));
    found.push_back(std::move(hit));
  }
  return found;
}

}  // namespace ar::daemon
