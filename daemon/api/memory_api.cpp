#include "daemon/api/memory_api.hpp"

#include "base/read_json.hpp"
#include "base/words.hpp"
#include "daemon/store/tables/agent_table.hpp"
#include "daemon/store/tables/memory_table.hpp"

namespace ar::daemon {
namespace {

json shown(MemoryAddress const& address, std::int64_t version, std::int64_t bytes, WallTime updated_at) {
  return {{"scope", address.scope}, {"id", address.id}, {"key", address.key},
          {"version", version},     {"bytes", bytes},   {"updatedAt", to_iso8601(updated_at)}};
}

Result<json> shown(std::string const& scope, std::string const& id, MemoryTable::Entry const& entry) {
  auto value = parse_json(entry.value);
  if (!value) return value.error();
  auto document = shown({scope, id, entry.key}, entry.version, entry.bytes, entry.updated_at);
  document["value"] = std::move(*value);
  return ok(std::move(document));
}

Error no_such_entry(MemoryAddress const& address) {
  return not_found("no_such_entry", "the memory has no " + to_string(address) + "; `agent-runner memory list --in " +
                                        address.scope + "/" + address.id + "` lists what is there");
}

/// `version`: of the entry as it is; 0: there is none.
Result<void> check(control::MemoryCondition const& condition, std::int64_t version, MemoryAddress const& address) {
  auto const failed = [&](std::string const& why) {
    return conflict("precondition_failed", to_string(address) + " " + why + "; read it again and decide anew");
  };
  auto const now = std::to_string(version);
  if (condition.absent && version != 0) return failed("exists already, with version " + now);
  if ((condition.present || condition.version) && version == 0) return failed("does not exist");
  if (condition.version && *condition.version != now)
    return failed("has version " + now + ", not " + condition.version->substr(0, 80));
  return {};
}

Error full(std::string what) {
  return {ErrorKind::too_large, "quota", std::move(what) + "; remove what is no longer needed", "value"};
}

/// Whether there is room for the value in the place of the entry, if any, that it replaces.
Result<void> check_room(MemoryTable const& table, MemoryAddress const& address, std::int64_t bytes,
                        MemoryLimits const& limits) {
  auto const before = table.find(address);
  auto const more = before ? 0 : 1;
  if (table.size_of(address.scope, address.id).entries + more > limits.entries_of_id)
    return full(address.scope + "/" + address.id + " has " + std::to_string(limits.entries_of_id) +
                " entries, the most of one id");
  auto const all = table.size();
  if (all.entries + more > limits.entries)
    return full("the memory has " + std::to_string(limits.entries) + " entries, its most");
  if (all.bytes - (before ? before->bytes : 0) + bytes > limits.bytes)
    return full("the values of the memory may have " + std::to_string(limits.bytes) + " bytes together, and have " +
                std::to_string(all.bytes));
  return {};
}

}  // namespace

awaitable<Result<json>> MemoryApi::memory_scopes() {
  auto query = [](Database& db) -> Result<json> {
    json list = json::array();
    MemoryTable const table(db);
    for (auto const scope : words_of(kMemoryScopes)) {
      auto const size = table.size_of(std::string(scope));
      list.push_back({{"scope", scope},
                      {"ids", table.count_ids(std::string(scope))},
                      {"entries", size.entries},
                      {"bytes", size.bytes}});
    }
    return ok({{"scopes", std::move(list)}});
  };
  co_return co_await journal_.read(std::move(query));
}

awaitable<Result<json>> MemoryApi::memory_ids(std::string scope, control::MemoryPage page) {
  auto query = [scope = std::move(scope), page = std::move(page)](Database& db) -> Result<json> {
    auto const found = MemoryTable(db).ids(scope, page.after, page.limit);
    json document = {{"ids", json::array()}};
    for (auto const& row : found.rows)
      document["ids"].push_back({{"id", row.id}, {"entries", row.entries}, {"bytes", row.bytes}});
    if (found.more) document["nextCursor"] = found.rows.back().id;
    return ok(std::move(document));
  };
  co_return co_await journal_.read(std::move(query));
}

awaitable<Result<json>> MemoryApi::memory_entries(std::string scope, std::string id, control::MemoryPage page) {
  auto query = [scope = std::move(scope), id = std::move(id), page = std::move(page)](Database& db) -> Result<json> {
    auto const found = MemoryTable(db).entries(scope, id, page.prefix, page.after, page.limit);
    json document = {{"entries", json::array()}};
    for (auto const& entry : found.rows) {
      auto row = shown(scope, id, entry);
      if (!row) return row.error();
      document["entries"].push_back(std::move(*row));
    }
    if (found.more) document["nextCursor"] = found.rows.back().key;
    return ok(std::move(document));
  };
  co_return co_await journal_.read(std::move(query));
}

awaitable<Result<json>> MemoryApi::memory_entry(MemoryAddress address) {
  auto query = [address = std::move(address)](Database& db) -> Result<json> {
    auto const entry = MemoryTable(db).find(address);
    return entry ? shown(address.scope, address.id, *entry) : no_such_entry(address);
  };
  co_return co_await journal_.read(std::move(query));
}

awaitable<Result<control::MemoryWritten>> MemoryApi::put_memory(MemoryAddress address, json value,
                                                                control::MemoryCondition condition) {
  if (deeper_than(value, kMostInside))
    co_return invalid("value", "value is nested more than " + std::to_string(kMostInside) + " levels deep");
  auto text = value.dump();
  auto const bytes = static_cast<std::int64_t>(text.size());
  if (bytes > limits_.value_bytes)
    co_return Error{ErrorKind::too_large, "too_large",
                    "value has " + std::to_string(bytes) + " bytes as JSON; at most " +
                        std::to_string(limits_.value_bytes) + " are kept, so split it, or keep a file's path",
                    "value"};
  auto job = [=, text = std::move(text), condition = std::move(condition), limits = limits_,
              now = wall_now()](Database& db) -> Result<control::MemoryWritten> {
    Transaction transaction(db);
    MemoryTable table(db);
    auto const before = table.version_of(address);
    if (auto holds = check(condition, before, address); !holds) return holds.error();
    // It goes with its agent, so there must be one.
    if (address.scope == kAgentScope && !AgentTable(db).contains(address.id))
      return not_found("no_such_agent", "there is no agent \"" + address.id + "\"; `agent-runner ps -a` lists them");
    if (auto room = check_room(table, address, bytes, limits); !room) return room.error();
    auto const version = table.put(address, text, now);
    transaction.commit();
    return control::MemoryWritten{shown(address, version, bytes, now), before == 0};
  };
  auto written = co_await journal_.run(std::move(job));
  if (written) announce("memory.changed", address);
  co_return written;
}

awaitable<Result<json>> MemoryApi::remove_memory(MemoryAddress address, control::MemoryCondition condition) {
  auto job = [address, condition = std::move(condition)](Database& db) -> Result<json> {
    Transaction transaction(db);
    MemoryTable table(db);
    auto const version = table.version_of(address);
    if (auto holds = check(condition, version, address); !holds) return holds.error();
    if (version == 0) return no_such_entry(address);
    table.erase(address);
    transaction.commit();
    return ok({{"removed", to_string(address)}});
  };
  auto removed = co_await journal_.run(std::move(job));
  if (removed) announce("memory.removed", address);
  co_return removed;
}

void MemoryApi::announce(char const* type, MemoryAddress const& address) {
  events_.append(address.scope == kAgentScope ? address.id : "", type,
                 {{"scope", address.scope}, {"id", address.id}, {"key", address.key}});
}

}  // namespace ar::daemon
