#include "daemon/snapshot/sections.hpp"

#include "base/ids.hpp"
#include "base/read_json.hpp"
#include "base/words.hpp"
#include "daemon/snapshot/row_writer.hpp"
#include "daemon/store/tables/memory_table.hpp"

#include <algorithm>
#include <array>

namespace ar::daemon {
namespace {

// ---- memory: {scope, id, key, value, updatedAt} ----

void write_memory(SnapshotSource const& source, RowWriter& out) {
  MemoryTable(source.journal).each([&](MemoryAddress const& address, MemoryTable::Entry const& entry) {
    auto value = parse_json(entry.value);
    if (!value) return;  // damaged: it is left where it is
    out.row({{"scope", address.scope},
             {"id", address.id},
             {"key", address.key},
             {"value", std::move(*value)},
             {"updatedAt", to_millis(entry.updated_at)}});
  });
}

MemoryAddress address_of(json const& row) {
  return {row.at("scope").get<std::string>(), row.at("id").get<std::string>(), row.at("key").get<std::string>()};
}

Result<std::string> owner_of_memory(json const& row) {
  auto const address = address_of(row);
  (void)time_in(row.at("updatedAt"));
  if (!has_word(kMemoryScopes, address.scope) || !is_safe_name(address.id) || !memory_key_problem(address.key).empty())
    return invalid("", "the memory cannot have the entry " + to_string(address).substr(0, 200));
  auto const& value = row.at("value");
  if (value.is_null() || deeper_than(value, kMostInside)) return invalid("", "a value that the memory cannot keep");
  return address.scope == kAgentScope ? address.id : std::string();
}

bool bring_memory(SnapshotTarget& target, json const& row) {
  MemoryTable table(target.journal);
  auto const address = address_of(row);
  if (table.version_of(address) != 0) return false;
  table.put(address, row.at("value").dump(), time_in(row.at("updatedAt")));
  return true;
}

constexpr Section kMemorySection{"memory", "1.0.0", write_memory, owner_of_memory, bring_memory};

}  // namespace

std::span<Section const> sections() {
  static std::array const all{kAgentsSection, kSessionsSection, kQueueSection, kApprovalsSection,
                              kMemorySection, kSkillsSection,   kHooksSection, kHistorySection};
  return all;
}

Section const* find_section(std::string_view name) {
  auto const all = sections();
  auto const at = std::ranges::find(all, name, &Section::name);
  return at == all.end() ? nullptr : &*at;
}

}  // namespace ar::daemon
