#include "daemon/store/removed.hpp"

#include "daemon/store/tables/kept_answer_table.hpp"
#include "daemon/store/tables/removed_table.hpp"

#include <algorithm>
#include <vector>

namespace ar::daemon {

awaitable<Result<void>> Removed::load() {
  auto query = [](Database& db) -> Result<std::vector<RemovedTable::Row>> { return RemovedTable(db).newest(kMost); };
  auto rows = co_await journal_.read(std::move(query));
  if (!rows) co_return rows.error();
  for (auto& row : *rows) entries_[Key(std::move(row.noun), std::move(row.id))] = Entry{std::move(row.owner), row.at};
  co_return Result<void>();
}

void Removed::note(std::string const& noun, std::string const& id, std::string const& owner) {
  auto const now = wall_now();
  remember({noun, id}, {owner, now});
  journal_.write([row = RemovedTable::Row{noun, id, owner, now}](Database& db) {
    RemovedTable(db).put(row);
    KeptAnswerTable(db).gone("/v1/" + row.noun + "s/" + row.id, row.at);
  });
}

void Removed::note_agent(std::string const& id, std::string const& parent) {
  for (auto& [key, entry] : entries_)
    if (entry.owner == id) entry.owner = parent;
  journal_.write([id, parent](Database& db) { RemovedTable(db).give(id, parent); });
  note(kAgentNoun, id, parent);
}

void Removed::remember(Key key, Entry entry) {
  entries_.insert_or_assign(std::move(key), std::move(entry));
  if (entries_.size() <= kMost) return;
  entries_.erase(std::ranges::min_element(entries_, {}, [](auto const& known) { return known.second.at; }));
}

Removed::Entry const* Removed::find(std::string const& noun, std::string const& id) const {
  auto const it = entries_.find({noun, id});
  return it == entries_.end() || it->second.at + kept_() < wall_now() ? nullptr : &it->second;
}

std::optional<Error> Removed::gone(std::string const& noun, std::string const& id) const {
  auto const* const entry = find(noun, id);
  if (!entry) return std::nullopt;
  return not_found("gone", "the " + noun + " " + id + " was removed at " + to_iso8601(entry->at));
}

std::string const* Removed::owner_of(std::string const& noun, std::string const& id) const {
  auto const* const entry = find(noun, id);
  return entry ? &entry->owner : nullptr;
}

}  // namespace ar::daemon
