#include "relay/embedded/notes.hpp"

#include "relay/embedded/query.hpp"
#include "relay/message_rules.hpp"

namespace ar::relay::embedded {

Result<std::vector<Note>> notes(Database& db) {
  std::vector<Note> all;
  Query row(db, "SELECT key, text, revision FROM notes ORDER BY key");
  while (row.step()) all.push_back({row.text(0), row.text(1), row.integer(2)});
  return all;
}

Result<Note> put_note(Database& db, Moment now, std::string const& key, std::string const& text,
                      std::int64_t revision) {
  if (auto const good = check_note(key, text); !good) return good.error();
  Transaction transaction(db);
  std::int64_t present = 0;
  {
    Query row(db, "SELECT revision FROM notes WHERE key = ?1", key);
    if (row.step()) present = row.integer(0);
  }
  if (present != revision) return note_changed(key);
  if (present == 0) {
    Query count(db, "SELECT count(*) FROM notes");
    if (count.step() && count.integer(0) >= static_cast<std::int64_t>(kMostNotes)) return too_many_notes();
  }
  // A new row, so that it has a revision of its own.
  run(db, "DELETE FROM notes WHERE key = ?1", key);
  run(db, "INSERT INTO notes(key, text, changed_at) VALUES(?1, ?2, ?3)", key, text, to_millis(now.wall));
  Note note{key, text, 0};
  {
    Query row(db, "SELECT revision FROM notes WHERE key = ?1", key);
    if (row.step()) note.revision = row.integer(0);
  }
  transaction.commit();
  return note;
}

void forget_old_notes(Database& db, BusLimits const& limits, Moment now) {
  run(db, "DELETE FROM notes WHERE changed_at <= ?1", to_millis(now.wall - limits.retention));
}

}  // namespace ar::relay::embedded
