// Entries of the memory as a text that an agent is given (docs/memory.md).
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "daemon/store/journal.hpp"

#include <string>
#include <vector>

namespace ar::daemon {

struct MemoryContext {
  std::vector<std::string> ids{};  ///< those that the text holds, each once
  std::string text{};
};

/// `ids`: SCOPE/ID/KEY. Errors, of memoryIds: invalid; no_such_entry, which names it; too_large.
awaitable<Result<MemoryContext>> read_memory_context(Journal& journal, std::vector<std::string> ids);

}  // namespace ar::daemon
