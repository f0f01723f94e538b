#include "daemon/store/tables/memory_table.hpp"

#include "base/words.hpp"

namespace ar::daemon {
namespace {

/// Of rows with key, version, bytes, updated_at, value.
MemoryTable::Entry entry_in(Statement const& row) {
  return {row.text(0), row.integer(1), row.integer(2), from_millis(row.integer(3)), row.text(4)};
}

}  // namespace

std::optional<MemoryTable::Entry> MemoryTable::find(MemoryAddress const& address) const {
  auto& row = db_.prepare(
                     "SELECT key, version, bytes, updated_at, value FROM memory WHERE scope = ?1 AND id = ?2 AND "
                     "key = ?3")
                  .bind(address.scope, address.id, address.key);
  std::optional<Entry> entry;
  if (row.step()) entry = entry_in(row);
  row.reset();
  return entry;
}

std::int64_t MemoryTable::version_of(MemoryAddress const& address) const {
  return integer_of(db_, "SELECT version FROM memory WHERE scope = ?1 AND id = ?2 AND key = ?3", address.scope,
                    address.id, address.key);
}

MemoryTable::Page<MemoryTable::Entry> MemoryTable::entries(std::string const& scope, std::string const& id,
                                                           std::string const& prefix, std::string const& after,
                                                           int limit) const {
  Page<Entry> page;
  std::int64_t bytes = 0;
  auto& rows = db_.prepare(
                      "SELECT key, version, bytes, updated_at, value FROM memory WHERE scope = ?1 AND id = ?2 AND "
                      "key >= ?3 AND key > ?4 ORDER BY key")
                   .bind(scope, id, prefix, after);
  while (rows.step()) {
    if (!rows.text(0).starts_with(prefix)) break;
    bytes += rows.integer(2);
    page.more = static_cast<int>(page.rows.size()) == limit || (bytes > kPageBytes && !page.rows.empty());
    if (page.more) break;
    page.rows.push_back(entry_in(rows));
  }
  rows.reset();
  return page;
}

MemoryTable::Page<MemoryTable::IdSize> MemoryTable::ids(std::string const& scope, std::string const& after,
                                                        int limit) const {
  Page<IdSize> page;
  auto& rows =
      db_.prepare("SELECT id, entries, bytes FROM memory_sizes WHERE scope = ?1 AND id > ?2 ORDER BY id LIMIT ?3")
          .bind(scope, after, limit + 1);
  while (rows.step()) {
    page.more = static_cast<int>(page.rows.size()) == limit;
    if (!page.more) page.rows.push_back({{rows.integer(1), rows.integer(2)}, rows.text(0)});
  }
  return page;
}

void MemoryTable::each(std::function<void(MemoryAddress const&, Entry const&)> const& tell) const {
  auto& rows =
      db_.prepare("SELECT key, version, bytes, updated_at, value, scope, id FROM memory ORDER BY scope, id, key")
          .bind();
  while (rows.step()) tell({rows.text(5), rows.text(6), rows.text(0)}, entry_in(rows));
}

std::int64_t MemoryTable::count_ids(std::string const& scope) const {
  return integer_of(db_, "SELECT count(*) FROM memory_sizes WHERE scope = ?1 AND id > ''", scope);
}

MemoryTable::Size MemoryTable::size_of(std::string const& scope, std::string const& id) const {
  auto& row = db_.prepare("SELECT entries, bytes FROM memory_sizes WHERE scope = ?1 AND id = ?2").bind(scope, id);
  auto const size = row.step() ? Size{row.integer(0), row.integer(1)} : Size{};
  row.reset();
  return size;
}

MemoryTable::Size MemoryTable::size() const {
  Size all;
  for (auto const scope : words_of(kMemoryScopes)) {
    auto const one = size_of(std::string(scope));
    all.entries += one.entries;
    all.bytes += one.bytes;
  }
  return all;
}

std::int64_t MemoryTable::put(MemoryAddress const& address, std::string const& value, WallTime at) {
  erase(address);
  db_.prepare("INSERT INTO memory(scope, id, key, bytes, updated_at, value) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")
      .bind(address.scope, address.id, address.key, static_cast<std::int64_t>(value.size()), to_millis(at), value)
      .run();
  return db_.last_insert_id();
}

void MemoryTable::erase(MemoryAddress const& address) {
  db_.prepare("DELETE FROM memory WHERE scope = ?1 AND id = ?2 AND key = ?3")
      .bind(address.scope, address.id, address.key)
      .run();
}

void MemoryTable::erase_agent(std::string const& agent) {
  db_.prepare("DELETE FROM memory WHERE scope = ?1 AND id = ?2").bind(kAgentScope, agent).run();
}

}  // namespace ar::daemon
