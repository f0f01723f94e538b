#include "daemon/agent/memory_context.hpp"

#include "base/json.hpp"
#include "daemon/store/tables/memory_table.hpp"

#include <algorithm>

namespace ar::daemon {
namespace {

constexpr char kField[] = "memoryIds";
constexpr std::size_t kMostIds = 100;
constexpr std::size_t kMostBytes = 1 << 20;  ///< as a message's own text

/// A text as it is, anything else as JSON.
std::string text_of(std::string const& value) {
  auto const document = parse_json(value);
  return document && document->is_string() ? document->get<std::string>() : value;
}

Error too_large(std::string message) { return {ErrorKind::too_large, "too_large", std::move(message), kField}; }

}  // namespace

awaitable<Result<MemoryContext>> read_memory_context(Journal& journal, std::vector<std::string> ids) {
  if (ids.empty()) co_return MemoryContext{};
  if (ids.size() > kMostIds)
    co_return too_large("memoryIds names " + std::to_string(ids.size()) + " entries; at most " +
                        std::to_string(kMostIds) + " are injected at once");
  std::vector<MemoryAddress> addresses;
  for (auto const& id : ids) {
    auto address = read_memory_address(id, kField);
    if (!address) co_return address.error();
    if (std::ranges::find(addresses, *address) == addresses.end()) addresses.push_back(std::move(*address));
  }
  auto query = [addresses = std::move(addresses)](Database& db) -> Result<MemoryContext> {
    Reading const reading(db);
    MemoryContext context;
    for (auto const& address : addresses) {
      auto const id = to_string(address);
      auto const entry = MemoryTable(db).find(address);
      if (!entry)
        return Error{ErrorKind::not_found, "no_such_entry", "memoryIds: the memory has no " + id + "; set it first",
                     kField};
      context.text += (context.ids.empty() ? "[memory " : "\n\n[memory ") + id + "]\n" + text_of(entry->value);
      if (context.text.size() > kMostBytes) return too_large("the entries of memoryIds have more than 1 MiB together");
      context.ids.push_back(id);
    }
    return context;
  };
  co_return co_await journal.read(std::move(query));
}

}  // namespace ar::daemon
