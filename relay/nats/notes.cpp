// What daemons keep for each other: one key for each in the presence bucket, whose keys the server forgets in time.
#include "base/read_json.hpp"
#include "relay/message_rules.hpp"
#include "relay/nats/core.hpp"

#include <algorithm>

namespace ar::relay::nats {
namespace {
constexpr std::string_view kStart = "note.";
bool is_there(NoteView::Entry const& entry, WallTime now) {
  return !entry.gone && now - entry.changed_at <= kPresenceTtl;
}
}  // namespace

bool is_note_key(std::string_view key) { return key.starts_with(kStart); }

std::string note_key(std::string const& key) { return std::string(kStart) + key_token(key); }

std::string note_text(Note const& note, WallTime changed_at) {
  return json{{"key", note.key}, {"text", note.text}, {"at", to_millis(changed_at)}}.dump();
}

bool NoteView::take(std::string_view data, std::string_view key, std::uint64_t sequence) {
  auto const read = [&](json const& in) {
    Entry entry;
    entry.note = {in.at("key").get<std::string>(), in.at("text").get<std::string>(), 0};
    entry.changed_at = time_in(in.at("at"));
    return entry;
  };
  auto const revision = static_cast<std::int64_t>(sequence);
  auto& known = notes_[std::string(key)];
  if (known.note.revision >= revision) return false;
  auto entry = maybe_json(data, read);
  if (entry && note_key(entry->note.key) == key && check_note(entry->note.key, entry->note.text))
    known = std::move(*entry);
  else
    known.gone = true;
  known.note.revision = revision;
  return true;
}

NoteView::Entry const* NoteView::find(std::string const& key) const {
  auto const found = notes_.find(note_key(key));
  return found == notes_.end() ? nullptr : &found->second;
}

std::vector<Note> NoteView::all(WallTime now) const {
  std::vector<Note> all;
  for (auto const& [key, entry] : notes_)
    if (is_there(entry, now)) all.push_back(entry.note);
  std::ranges::sort(all, {}, &Note::key);
  return all;
}

void NoteView::forget_old(WallTime now) {
  // Later than that, since it forgets by its own clock, and a key that it still has is changed by its revision only.
  std::erase_if(notes_, [&](auto const& known) {
    return !known.second.gone && now - known.second.changed_at > 2 * kPresenceTtl;
  });
}

awaitable<Result<std::vector<Note>>> notes(Core& core) {
  if (auto const there = co_await caught_up(core, {&core.presence_feed}); !there) co_return there.error();
  core.notes.forget_old(core.time.now());
  co_return core.notes.all(core.time.now());
}

awaitable<Result<Note>> put_note(Core& core, std::string key, std::string text, std::int64_t revision) {
  if (auto const good = check_note(key, text); !good) co_return good.error();
  if (revision < 0) co_return note_changed(key);
  if (auto const there = co_await caught_up(core, {&core.presence_feed}); !there) co_return there.error();
  auto const now = core.time.now();
  auto const* const known = core.notes.find(key);
  auto const newest = known ? known->note.revision : 0;
  auto const present = known && is_there(*known, now) ? newest : 0;
  if (present != revision) co_return note_changed(key);
  if (present == 0 && core.notes.all(now).size() >= kMostNotes) co_return too_many_notes();
  Note note{key, std::move(text), 0};
  Publication publication;
  publication.subject = core.subject(Store::presence, note_key(key));
  publication.data = note_text(note, now);
  // The server may have an old one a little longer than we do.
  publication.expected = static_cast<std::uint64_t>(newest);
  auto done = co_await write(core, core.presence_feed, publication);
  if (!done && done.error().code == "wrong_revision" && newest > 0 && revision == 0) {
    publication.expected = 0;
    done = co_await write(core, core.presence_feed, std::move(publication));
  }
  if (!done) co_return done.error().code == "wrong_revision" ? note_changed(key) : done.error();
  note.revision = static_cast<std::int64_t>(done->sequence);
  co_return note;
}

}  // namespace ar::relay::nats
